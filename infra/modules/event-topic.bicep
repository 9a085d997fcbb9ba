// Where the data account says that a blob was written. Who is told is in ../events.bicep.

@description('Region.')
param location string

@description('Name of the topic.')
param name string

@description('Storage account that is listened to.')
param accountId string

param tags object

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: name
  location: location
  tags: tags
  // Events that cannot be delivered are written by this identity. A user-assigned one would not be
  // let through the firewall of the storage account.
  identity: { type: 'SystemAssigned' }
  properties: {
    source: accountId
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

output id string = topic.id
output name string = topic.name
output principalId string = topic.identity.principalId
