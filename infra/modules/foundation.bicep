// What painting and the app stand on: who acts, where logs go, the private network, what keeps
// things, and who may do what with them.

@description('Region.')
param location string

@description('Suffix of the names, unique to the deployment.')
@minLength(13)
param token string

@description('Object id of who deploys.')
param deployerId string

@description('Kind of the deployer.')
@allowed(['User', 'Group', 'ServicePrincipal'])
param deployerType string

@description('A virtual network, and stores that are reached by private endpoints.')
param privateNetwork bool

@description('IPv4 addresses and ranges that reach the data account and the registry nevertheless.')
param clientAddresses array

@description('Origin of the page, which writes videos from a browser.')
param pageOrigin string

@description('Container for the deployment package.')
param packageContainer string

@description('Days for which deleted and overwritten blobs can be restored.')
param restoreDays int

@description('Days after which what a job left behind is deleted.')
param jobDays int

@description('Keep orchestrations in a Durable Task Scheduler, not in storage.')
param durableTaskScheduler bool

param tags object

var short = loadJsonContent('../abbreviations.json')
// Private DNS zones by what an endpoint in them is for.
var zones = {
  blob: ['privatelink.blob.${environment().suffixes.storage}']
  queue: ['privatelink.queue.${environment().suffixes.storage}']
  table: ['privatelink.table.${environment().suffixes.storage}']
  file: ['privatelink.file.${environment().suffixes.storage}']
  vault: ['privatelink.vaultcore.azure.net']
  registry: ['privatelink.azurecr.io']
  workspace: ['privatelink.api.azureml.ms', 'privatelink.notebooks.azure.net']
}
var zoneLists = [for zone in items(zones): zone.value]
var toScheduler = scheduler.?outputs.?connectionString ?? ''

module identities 'identities.bicep' = {
  params: { location: location, prefix: short.managedIdentity, token: token, tags: tags }
}

module monitoring 'monitoring.bicep' = {
  params: {
    location: location
    logsName: '${short.logAnalyticsWorkspace}${token}'
    insightsName: '${short.applicationInsights}${token}'
    tags: tags
  }
}

module network 'network.bicep' = if (privateNetwork) {
  params: {
    location: location
    names: {
      network: '${short.virtualNetwork}${token}'
      gateway: '${short.natGateway}${token}'
      address: '${short.publicIpAddress}${token}'
      securityGroup: '${short.networkSecurityGroup}${token}'
    }
    zones: flatten(zoneLists)
    tags: tags
  }
}

// What users may reach.
module dataAccount 'storage.bicep' = {
  params: {
    location: location
    name: '${short.storageAccount}data${token}'
    containers: ['videos', 'styles', 'results']
    reachableFrom: privateNetwork ? 'clients' : 'anywhere'
    clientAddresses: clientAddresses
    restoreDays: restoreDays
    browserOrigins: [pageOrigin]
    logsId: monitoring.outputs.logsId
    tags: tags
  }
}

// What they may not: state of the host, deployment package, plans and shards.
module jobsAccount 'storage.bicep' = {
  params: {
    location: location
    name: '${short.storageAccount}jobs${token}'
    containers: ['jobs', 'spend', packageContainer, 'dead-letters']
    reachableFrom: privateNetwork ? 'endpoints' : 'anywhere'
    // Shards are deleted with every job; they would be paid for as long as they can be restored.
    restoreDays: 1
    expiryDays: jobDays
    expiringPrefix: 'jobs/'
    logsId: monitoring.outputs.logsId
    tags: tags
  }
}

// Logs of runs. An account of its own, because nodes write to it: in the jobs account, whoever
// takes a decoder over could replace the deployment package.
module runsAccount 'storage.bicep' = {
  params: {
    location: location
    name: '${short.storageAccount}runs${token}'
    reachableFrom: privateNetwork ? 'endpoints' : 'anywhere'
    restoreDays: 1
    logsId: monitoring.outputs.logsId
    tags: tags
  }
}

module registry 'registry.bicep' = {
  params: {
    location: location
    name: '${short.containerRegistry}${token}'
    privateNetwork: privateNetwork
    clientAddresses: clientAddresses
    tags: tags
  }
}

module vault 'key-vault.bicep' = {
  params: {
    location: location
    name: '${short.keyVault}${token}'
    privateNetwork: privateNetwork
    logsId: monitoring.outputs.logsId
    tags: tags
  }
}

module topic 'event-topic.bicep' = {
  params: {
    location: location
    name: '${short.eventGridSystemTopic}${token}'
    accountId: dataAccount.outputs.id
    tags: tags
  }
}

module scheduler 'durable-task.bicep' = if (durableTaskScheduler) {
  params: {
    location: location
    name: '${short.durableTaskScheduler}${token}'
    hubName: loadJsonContent('../../host.json').extensions.durableTask.hubName
    clientId: identities.outputs.appClientId
    tags: tags
  }
}

module rbac 'rbac.bicep' = {
  params: {
    principals: {
      app: identities.outputs.appPrincipalId
      worker: identities.outputs.workerPrincipalId
      workspace: identities.outputs.workspacePrincipalId
      events: topic.outputs.principalId
      deployer: deployerId
    }
    deployerType: deployerType
    names: {
      dataAccount: dataAccount.outputs.name
      jobsAccount: jobsAccount.outputs.name
      runsAccount: runsAccount.outputs.name
      registry: registry.outputs.name
      vault: vault.outputs.name
      insights: monitoring.outputs.insightsName
    }
    schedulerName: durableTaskScheduler ? scheduler.?outputs.?name ?? '' : ''
  }
}

output identities object = {
  appId: identities.outputs.appId
  appClientId: identities.outputs.appClientId
  appPrincipalId: identities.outputs.appPrincipalId
  workerId: identities.outputs.workerId
  workspaceId: identities.outputs.workspaceId
  workspacePrincipalId: identities.outputs.workspacePrincipalId
}
output logs object = {
  id: monitoring.outputs.logsId
  dailyGigabytes: monitoring.outputs.dailyGigabytes
  insightsId: monitoring.outputs.insightsId
  insightsConnectionString: monitoring.outputs.insightsConnectionString
}
output data object = {
  id: dataAccount.outputs.id
  name: dataAccount.outputs.name
  blob: dataAccount.outputs.blobEndpoint
  queue: dataAccount.outputs.queueEndpoint
}
output jobs object = {
  name: jobsAccount.outputs.name
  blob: jobsAccount.outputs.blobEndpoint
  queue: jobsAccount.outputs.queueEndpoint
  table: jobsAccount.outputs.tableEndpoint
}
output runsId string = runsAccount.outputs.id
output registry object = {
  id: registry.outputs.id
  name: registry.outputs.name
  server: registry.outputs.server
}
output vaultId string = vault.outputs.id
output topic object = { id: topic.outputs.id, name: topic.outputs.name }
output schedulerConnection string = durableTaskScheduler ? toScheduler : ''
output subnets object = {
  app: privateNetwork ? network.?outputs.?appSubnetId ?? '' : ''
  endpoints: privateNetwork ? network.?outputs.?endpointsSubnetId ?? '' : ''
  nodes: privateNetwork ? network.?outputs.?nodesSubnetId ?? '' : ''
}
output zones object = zones
output endpoints array = [
  { name: 'data-blob', serviceId: dataAccount.outputs.id, group: 'blob', zones: zones.blob }
  { name: 'data-queue', serviceId: dataAccount.outputs.id, group: 'queue', zones: zones.queue }
  { name: 'jobs-blob', serviceId: jobsAccount.outputs.id, group: 'blob', zones: zones.blob }
  { name: 'jobs-queue', serviceId: jobsAccount.outputs.id, group: 'queue', zones: zones.queue }
  { name: 'jobs-table', serviceId: jobsAccount.outputs.id, group: 'table', zones: zones.table }
  { name: 'runs-blob', serviceId: runsAccount.outputs.id, group: 'blob', zones: zones.blob }
  { name: 'runs-file', serviceId: runsAccount.outputs.id, group: 'file', zones: zones.file }
  { name: 'vault', serviceId: vault.outputs.id, group: 'vault', zones: zones.vault }
  { name: 'registry', serviceId: registry.outputs.id, group: 'registry', zones: zones.registry }
]
