// Durable Task Scheduler: keeps the orchestrations' state in place of the jobs account.

@description('Region.')
param location string

@description('Name of the scheduler.')
param name string

@description('Name of the task hub, as in host.json.')
param hubName string

@description('Client id of the identity that runs the orchestrations.')
param clientId string

param tags object

resource scheduler 'Microsoft.DurableTask/schedulers@2025-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    sku: { name: 'Consumption' }
    // An empty list lets nobody in, and Flex Consumption has no fixed address: the role decides.
    ipAllowlist: ['0.0.0.0/0']
  }
}

resource hub 'Microsoft.DurableTask/schedulers/taskHubs@2025-11-01' = {
  parent: scheduler
  name: hubName
}

var address = 'Endpoint=${scheduler.properties.endpoint};TaskHub=${hub.name}'

output name string = scheduler.name
output connectionString string = '${address};Authentication=ManagedIdentity;ClientID=${clientId}'
