// The private endpoints: each service's address inside the private network.

@description('Region.')
param location string

@description('Prefix of the names.')
param prefix string

@description('Subnet that they lie in.')
param subnetId string

@description('Each has a name, serviceId, group (part of the service) and zones (of its names).')
param endpoints array

param tags object

resource services 'Microsoft.Network/privateEndpoints@2025-09-01' = [
  for endpoint in endpoints: {
    name: '${prefix}${endpoint.name}'
    location: location
    tags: tags
    properties: {
      subnet: { id: subnetId }
      privateLinkServiceConnections: [
        {
          name: endpoint.name
          properties: { privateLinkServiceId: endpoint.serviceId, groupIds: [endpoint.group] }
        }
      ]
    }
  }
]

resource names 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-09-01' = [
  for index in range(0, length(endpoints)): {
    parent: services[index]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        for zone in endpoints[index].zones: {
          name: replace(zone, '.', '-')
          properties: { privateDnsZoneId: resourceId('Microsoft.Network/privateDnsZones', zone) }
        }
      ]
    }
  }
]
