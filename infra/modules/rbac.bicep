// Who may do what: one table for each scope, each row an identity, a role and why. The same rows
// stand in docs/security.md. What may be done in the workspace itself is in rbac-workspace.bicep,
// for its identity must have these roles before the workspace is made.

@description('Principal ids by identity: app, worker, workspace, events and deployer.')
param principals object

@description('Kind of the deployer.')
@allowed(['User', 'Group', 'ServicePrincipal'])
param deployerType string

@description('Names of: dataAccount, jobsAccount, runsAccount, registry, vault and insights.')
param names object

@description('Name of the Durable Task Scheduler; empty for none.')
param schedulerName string

// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
var roles = {
  AcrPull: '7f951dda-4ed3-4680-a7ca-43fe172d538d'
  Contributor: 'b24988ac-6180-42a0-ab88-20f7382dd24c'
  'Durable Task Data Contributor': '0ad04412-c4d5-4796-b79c-f76d14c8d402'
  'Key Vault Administrator': '00482a5a-887f-4fb3-b363-3b7fe8e74483'
  'Monitoring Metrics Publisher': '3913510d-42f4-4e42-8a64-420c390055eb'
  'Storage Account Contributor': '17d1049b-9a84-46fb-8f53-869881c3d3ab'
  'Storage Blob Data Contributor': 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  'Storage Blob Data Owner': 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  'Storage Blob Data Reader': '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
  'Storage Blob Delegator': 'db58b8e5-c6ad-4a2a-8342-4190687cbf4a'
  'Storage File Data Privileged Contributor': '69566ab7-960f-475b-8e7c-b3118f30c6bd'
  'Storage Queue Data Contributor': '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  'Storage Table Data Contributor': '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
}

var definitions = 'Microsoft.Authorization/roleDefinitions'

var onDataAccount = [
  { who: 'app', role: 'Storage Blob Delegator', why: 'signs URLs to single blobs' }
  { who: 'app', role: 'Storage Queue Data Contributor', why: 'poison messages of the trigger' }
]

var onVideos = [
  { who: 'app', role: 'Storage Blob Data Owner', why: 'blob trigger; signs upload URLs' }
  { who: 'worker', role: 'Storage Blob Data Reader', why: 'mounts the video' }
]

var onStyles = [
  { who: 'app', role: 'Storage Blob Data Owner', why: 'blob trigger; publishes styles' }
  { who: 'worker', role: 'Storage Blob Data Reader', why: 'mounts the style' }
  { who: 'deployer', role: 'Storage Blob Data Contributor', why: 'uploads styles' }
]

var onResults = [
  { who: 'app', role: 'Storage Blob Data Contributor', why: 'writes results and error reports' }
]

var onJobsAccount = [
  { who: 'app', role: 'Storage Blob Data Owner', why: 'host state, package, plans and shards' }
  { who: 'app', role: 'Storage Queue Data Contributor', why: 'blob trigger and Durable Functions' }
  { who: 'app', role: 'Storage Table Data Contributor', why: 'Durable Functions; host diagnostics' }
  { who: 'app', role: 'Storage Account Contributor', why: 'the host needs it for a blob trigger' }
]

var onJobs = [
  { who: 'worker', role: 'Storage Blob Data Contributor', why: 'reads the plan, writes shards' }
  { who: 'deployer', role: 'Storage Blob Data Contributor', why: 'sends smoke jobs' }
]

var onDeadLetters = [
  { who: 'events', role: 'Storage Blob Data Contributor', why: 'keeps undelivered events' }
]

var onRunsAccount = [
  { who: 'worker', role: 'Storage Blob Data Contributor', why: 'writes the logs of runs' }
  { who: 'workspace', role: 'Contributor', why: 'manages its own account' }
  { who: 'workspace', role: 'Storage Blob Data Contributor', why: 'keeps logs of runs' }
  { who: 'workspace', role: 'Storage File Data Privileged Contributor', why: 'folders of Studio' }
]

var onRegistry = [
  { who: 'worker', role: 'AcrPull', why: 'pulls the image of the worker' }
  { who: 'workspace', role: 'Contributor', why: 'looks up images of environments' }
]

var onVault = [
  { who: 'workspace', role: 'Contributor', why: 'manages its own vault' }
  { who: 'workspace', role: 'Key Vault Administrator', why: 'keeps what it needs to run' }
]

var onInsights = [
  { who: 'app', role: 'Monitoring Metrics Publisher', why: 'sends logs, traces and metrics' }
  { who: 'workspace', role: 'Contributor', why: 'links metrics of runs' }
]

var onScheduler = [
  { who: 'app', role: 'Durable Task Data Contributor', why: 'runs orchestrations' }
]

resource dataAccount 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: names.dataAccount
}

resource dataBlobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' existing = {
  parent: dataAccount
  name: 'default'
}

resource videos 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' existing = {
  parent: dataBlobs
  name: 'videos'
}

resource styles 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' existing = {
  parent: dataBlobs
  name: 'styles'
}

resource results 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' existing = {
  parent: dataBlobs
  name: 'results'
}

resource jobsAccount 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: names.jobsAccount
}

resource jobsBlobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' existing = {
  parent: jobsAccount
  name: 'default'
}

resource jobs 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' existing = {
  parent: jobsBlobs
  name: 'jobs'
}

resource dead 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' existing = {
  parent: jobsBlobs
  name: 'dead-letters'
}

resource runsAccount 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: names.runsAccount
}

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' existing = {
  name: names.registry
}

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' existing = {
  name: names.vault
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: names.insights
}

resource scheduler 'Microsoft.DurableTask/schedulers@2025-11-01' existing = {
  // Names are checked even where nothing is deployed.
  name: empty(schedulerName) ? 'none' : schedulerName
}

resource onDataAccountAssigned 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for row in onDataAccount: {
    name: guid(dataAccount.id, principals[row.who], roles[row.role])
    scope: dataAccount
    properties: {
      principalId: principals[row.who]
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId(definitions, roles[row.role])
      description: row.why
    }
  }
]

resource onVideosAssigned 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for row in onVideos: {
    name: guid(videos.id, principals[row.who], roles[row.role])
    scope: videos
    properties: {
      principalId: principals[row.who]
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId(definitions, roles[row.role])
      description: row.why
    }
  }
]

resource onStylesAssigned 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for row in onStyles: {
    name: guid(styles.id, principals[row.who], roles[row.role])
    scope: styles
    properties: {
      principalId: principals[row.who]
      principalType: row.who == 'deployer' ? deployerType : 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId(definitions, roles[row.role])
      description: row.why
    }
  }
]

resource onResultsAssigned 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for row in onResults: {
    name: guid(results.id, principals[row.who], roles[row.role])
    scope: results
    properties: {
      principalId: principals[row.who]
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId(definitions, roles[row.role])
      description: row.why
    }
  }
]

resource onJobsAccountAssigned 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for row in onJobsAccount: {
    name: guid(jobsAccount.id, principals[row.who], roles[row.role])
    scope: jobsAccount
    properties: {
      principalId: principals[row.who]
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId(definitions, roles[row.role])
      description: row.why
    }
  }
]

resource onJobsAssigned 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for row in onJobs: {
    name: guid(jobs.id, principals[row.who], roles[row.role])
    scope: jobs
    properties: {
      principalId: principals[row.who]
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId(definitions, roles[row.role])
      description: row.why
    }
  }
]

resource onDeadLettersAssigned 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for row in onDeadLetters: {
    name: guid(dead.id, principals[row.who], roles[row.role])
    scope: dead
    properties: {
      principalId: principals[row.who]
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId(definitions, roles[row.role])
      description: row.why
    }
  }
]

resource onRunsAccountAssigned 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for row in onRunsAccount: {
    name: guid(runsAccount.id, principals[row.who], roles[row.role])
    scope: runsAccount
    properties: {
      principalId: principals[row.who]
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId(definitions, roles[row.role])
      description: row.why
    }
  }
]

resource onRegistryAssigned 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for row in onRegistry: {
    name: guid(registry.id, principals[row.who], roles[row.role])
    scope: registry
    properties: {
      principalId: principals[row.who]
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId(definitions, roles[row.role])
      description: row.why
    }
  }
]

resource onVaultAssigned 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for row in onVault: {
    name: guid(vault.id, principals[row.who], roles[row.role])
    scope: vault
    properties: {
      principalId: principals[row.who]
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId(definitions, roles[row.role])
      description: row.why
    }
  }
]

resource onInsightsAssigned 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for row in onInsights: {
    name: guid(insights.id, principals[row.who], roles[row.role])
    scope: insights
    properties: {
      principalId: principals[row.who]
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId(definitions, roles[row.role])
      description: row.why
    }
  }
]

resource onSchedulerAssigned 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for row in onScheduler: if (!empty(schedulerName)) {
    name: guid(scheduler.id, principals[row.who], roles[row.role])
    scope: scheduler
    properties: {
      principalId: principals[row.who]
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId(definitions, roles[row.role])
      description: row.why
    }
  }
]
