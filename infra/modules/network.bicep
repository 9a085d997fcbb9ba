// The private network: a subnet for the function app's way out, one for private endpoints, one for
// the nodes that paint, and the names under which the endpoints are found.

@description('Region.')
param location string

@description('Names of what the network is made of: network, gateway, address and securityGroup.')
param names object

@description('Private DNS zones of the services that have endpoints.')
param zones array

param tags object

// Regions whose service tags have other names than they have themselves.
// https://learn.microsoft.com/azure/virtual-network/service-tags-overview
var tagNames = {
  francecentral: 'centralfrance'
  francesouth: 'southfrance'
  germanynorth: 'germanyn'
  germanywestcentral: 'germanywc'
  norwayeast: 'norwaye'
  norwaywest: 'norwayw'
  switzerlandnorth: 'switzerlandn'
  switzerlandwest: 'switzerlandw'
}
var place = toLower(replace(location, ' ', ''))
var region = tagNames[?place] ?? place

// What a node without a public address must reach; all else is denied, so that a hostile video that
// takes a decoder over gets at little from there.
// https://learn.microsoft.com/azure/machine-learning/how-to-access-azureml-behind-firewall
var nodeDestinations = [
  { name: 'network', tag: 'VirtualNetwork', protocol: '*', ports: ['0-65535'] }
  { name: 'entra', tag: 'AzureActiveDirectory', protocol: 'Tcp', ports: ['80', '443'] }
  { name: 'ml', tag: 'AzureMachineLearning', protocol: 'Tcp', ports: ['443', '8787', '18881'] }
  { name: 'ml-udp', tag: 'AzureMachineLearning', protocol: 'Udp', ports: ['5831'] }
  { name: 'batch', tag: 'BatchNodeManagement.${region}', protocol: '*', ports: ['443'] }
  { name: 'resource-manager', tag: 'AzureResourceManager', protocol: 'Tcp', ports: ['443'] }
  { name: 'images', tag: 'MicrosoftContainerRegistry', protocol: 'Tcp', ports: ['443'] }
  { name: 'images-content', tag: 'AzureFrontDoor.FirstParty', protocol: 'Tcp', ports: ['443'] }
  { name: 'batch-storage', tag: 'Storage.${region}', protocol: 'Tcp', ports: ['443'] }
  { name: 'monitor', tag: 'AzureMonitor', protocol: 'Tcp', ports: ['443'] }
]

var denied = {
  name: 'nothing-else'
  properties: {
    access: 'Deny'
    direction: 'Outbound'
    priority: 4000
    protocol: '*'
    sourceAddressPrefix: '*'
    sourcePortRange: '*'
    destinationAddressPrefix: '*'
    destinationPortRange: '*'
  }
}

var allowed = [
  for index in range(0, length(nodeDestinations)): {
    name: nodeDestinations[index].name
    properties: {
      access: 'Allow'
      direction: 'Outbound'
      priority: 100 + 10 * index
      protocol: nodeDestinations[index].protocol
      sourceAddressPrefix: 'VirtualNetwork'
      sourcePortRange: '*'
      destinationAddressPrefix: nodeDestinations[index].tag
      destinationPortRanges: nodeDestinations[index].ports
    }
  }
]

resource nodes 'Microsoft.Network/networkSecurityGroups@2025-09-01' = {
  name: names.securityGroup
  location: location
  tags: tags
  properties: { securityRules: concat(allowed, [denied]) }
}

resource inner 'Microsoft.Network/networkSecurityGroups@2025-09-01' = {
  name: '${names.securityGroup}-inner'
  location: location
  tags: tags
}

resource address 'Microsoft.Network/publicIPAddresses@2025-09-01' = {
  name: names.address
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: { publicIPAllocationMethod: 'Static' }
}

// Subnets have no way out by default; nothing comes in by this one.
resource gateway 'Microsoft.Network/natGateways@2025-09-01' = {
  name: names.gateway
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: { publicIpAddresses: [{ id: address.id }] }
}

resource network 'Microsoft.Network/virtualNetworks@2025-09-01' = {
  name: names.network
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: ['10.90.0.0/16'] }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: '10.90.0.0/26'
          defaultOutboundAccess: false
          natGateway: { id: gateway.id }
          networkSecurityGroup: { id: inner.id }
          delegations: [
            { name: 'flex-consumption', properties: { serviceName: 'Microsoft.App/environments' } }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: '10.90.1.0/26'
          defaultOutboundAccess: false
          networkSecurityGroup: { id: inner.id }
          privateEndpointNetworkPolicies: 'Enabled'
        }
      }
      {
        name: 'nodes'
        properties: {
          addressPrefix: '10.90.2.0/23'
          defaultOutboundAccess: false
          natGateway: { id: gateway.id }
          networkSecurityGroup: { id: nodes.id }
        }
      }
    ]
  }
}

resource dnsZones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for zone in zones: {
    name: zone
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for index in range(0, length(zones)): {
    parent: dnsZones[index]
    name: names.network
    location: 'global'
    properties: {
      registrationEnabled: false
      virtualNetwork: { id: network.id }
    }
  }
]

output appSubnetId string = '${network.id}/subnets/app'
output endpointsSubnetId string = '${network.id}/subnets/endpoints'
output nodesSubnetId string = '${network.id}/subnets/nodes'
