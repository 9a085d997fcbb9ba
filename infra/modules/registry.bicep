// The container registry that keeps the worker's image.

@description('Region.')
param location string

@description('Name: 5 to 50 letters and digits.')
@minLength(5)
@maxLength(50)
param name string

@description('Reachable by private endpoint and from the client addresses only.')
param privateNetwork bool

@description('IPv4 addresses and ranges of clients that push images, in CIDR notation.')
param clientAddresses array

param tags object

// Of the firewall and private endpoints, only the premium tier knows anything.
var firewall = {
  defaultAction: 'Deny'
  ipRules: map(clientAddresses, address => { action: 'Allow', value: address })
}

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' = {
  name: name
  location: location
  tags: tags
  // checkov:skip=CKV_AZURE_139: without a private network, identity alone decides
  // checkov:skip=CKV_AZURE_163: scanning is Defender for Cloud's, for a whole subscription
  // checkov:skip=CKV_AZURE_166: quarantine waits for a scanner that releases images
  sku: { name: privateNetwork ? 'Premium' : 'Basic' }
  properties: {
    adminUserEnabled: false
    anonymousPullEnabled: false
    networkRuleBypassOptions: 'AzureServices'
    networkRuleSet: privateNetwork ? firewall : null
    publicNetworkAccess: privateNetwork && empty(clientAddresses) ? 'Disabled' : 'Enabled'
  }
}

output id string = registry.id
output name string = registry.name
output server string = registry.properties.loginServer
