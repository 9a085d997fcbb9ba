// One storage account: reached by identity alone, encrypted on the way, restorable after a mistake.

@description('Region.')
param location string

@description('Name of the account: 3 to 24 lower-case letters and digits.')
@minLength(3)
@maxLength(24)
param name string

@description('Blob containers to create.')
param containers array = []

@description('From where it is reached: any address, those of clients, or private endpoints alone.')
@allowed(['anywhere', 'clients', 'endpoints'])
param reachableFrom string

@description('IPv4 addresses and ranges of clients, in CIDR notation.')
param clientAddresses array = []

@description('Days for which a deleted or overwritten blob can be restored.')
@minValue(1)
@maxValue(365)
param restoreDays int

@description('Origins of pages that may write blobs from a browser.')
param browserOrigins array = []

@description('Days after which what lies below `expiringPrefix` is deleted; 0 for never.')
@minValue(0)
param expiryDays int = 0

@description('Container, or container and prefix, whose blobs expire.')
param expiringPrefix string = ''

@description('Log Analytics workspace that is told who wrote and deleted what.')
param logsId string

param tags object

var expires = expiryDays > 0

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  // checkov:skip=CKV_AZURE_206: videos can be uploaded again; a second region costs as much
  sku: { name: 'Standard_LRS' }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    isLocalUserEnabled: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: reachableFrom == 'endpoints' ? 'Disabled' : 'Enabled'
    networkAcls: {
      // checkov:skip=CKV_AZURE_35: Flex Consumption has no fixed address to allow
      defaultAction: reachableFrom == 'anywhere' ? 'Allow' : 'Deny'
      bypass: 'AzureServices'
      ipRules: [for address in clientAddresses: { value: address, action: 'Allow' }]
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: { enabled: true, days: restoreDays }
    containerDeleteRetentionPolicy: { enabled: true, days: restoreDays }
    cors: {
      corsRules: [
        for origin in browserOrigins: {
          allowedOrigins: [origin]
          allowedMethods: ['PUT', 'OPTIONS']
          allowedHeaders: ['content-type', 'if-match', 'if-none-match', 'x-ms-*']
          exposedHeaders: ['etag']
          maxAgeInSeconds: 3600
        }
      ]
    }
  }
}

resource blobContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = [
  for container in containers: {
    parent: blobs
    name: container
    properties: { publicAccess: 'None' }
  }
]

// A safety net: a job's folder is deleted when the job ends.
resource expiry 'Microsoft.Storage/storageAccounts/managementPolicies@2025-06-01' = if (expires) {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'expire'
          type: 'Lifecycle'
          enabled: true
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: [expiringPrefix] }
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: expiryDays } } }
          }
        }
      ]
    }
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'writes'
  scope: blobs
  properties: {
    workspaceId: logsId
    logs: [
      { category: 'StorageWrite', enabled: true }
      { category: 'StorageDelete', enabled: true }
    ]
  }
}

output id string = account.id
output name string = account.name
output blobEndpoint string = account.properties.primaryEndpoints.blob
output queueEndpoint string = account.properties.primaryEndpoints.queue
output tableEndpoint string = account.properties.primaryEndpoints.table
