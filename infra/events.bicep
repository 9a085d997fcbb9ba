// The subscriptions by which uploads reach the blob triggers. They are created after the
// code is deployed: the function app has to answer Event Grid's handshake.

@description('Name of the function app.')
param functionAppName string

@description('Name of the Event Grid topic of the data account.')
param topicName string

@description('Name of the account that keeps events which could not be delivered.')
param jobsAccountName string

resource app 'Microsoft.Web/sites@2024-11-01' existing = {
  name: functionAppName
}

resource jobsAccount 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: jobsAccountName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

// The host makes this key itself, for Event Grid alone; it is read here and kept nowhere.
var key = listKeys('${app.id}/host/default', '2023-12-01').systemKeys.blobs_extension
var webhook = 'https://${app.properties.defaultHostName}/runtime/webhooks/blobs'

// Endings of the names of files that a style is made of; case does not matter.
var sources = loadJsonContent('../function_app/style_sources.json')
var endings = concat(sources.painting, sources.checkpoint)
var ofStyles = [{ operatorType: 'StringEndsWith', key: 'subject', values: endings }]

// Whatever is put among the videos starts a job, which says so if it is none.
var triggers = [
  { container: 'videos', function: 'on_video_uploaded', filters: [] }
  { container: 'styles', function: 'on_style_uploaded', filters: ofStyles }
]

resource uploads 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = [
  for trigger in triggers: {
    parent: topic
    name: trigger.container
    properties: {
      eventDeliverySchema: 'EventGridSchema'
      destination: {
        endpointType: 'WebHook'
        properties: {
          endpointUrl: '${webhook}?functionName=Host.Functions.${trigger.function}&code=${key}'
          maxEventsPerBatch: 1
          minimumTlsVersionAllowed: '1.2'
        }
      }
      filter: {
        includedEventTypes: ['Microsoft.Storage.BlobCreated']
        subjectBeginsWith: '/blobServices/default/containers/${trigger.container}/'
        advancedFilters: trigger.filters
      }
      retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 }
      deadLetterWithResourceIdentity: {
        identity: { type: 'SystemAssigned' }
        deadLetterDestination: {
          endpointType: 'StorageBlob'
          properties: { resourceId: jobsAccount.id, blobContainerName: 'dead-letters' }
        }
      }
    }
  }
]
