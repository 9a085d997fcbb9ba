// The Azure Machine Learning workspace: where painting is submitted, and what a job there may name:
// a datastore for each container, and the environment that holds the worker's image.

@description('Region.')
param location string

@description('Name of the workspace.')
param name string

@description('Suffix of names that are unique in the tenant.')
param token string

@description('Reachable by private endpoint only; jobs come through the resource manager.')
param privateNetwork bool

@description('By which it reaches what belongs to it (workspaceId), and who may do what in it.')
param identities object

@description('Storage account for logs and metrics of runs; videos never lie there.')
param storageId string

param vaultId string
param registryId string
param insightsId string

@description('Data account.')
param dataAccount string

@description('Jobs account.')
param jobsAccount string

@description('Image of the worker, with its registry and tag.')
param image string

@description('Version of the environment that names the image. What a version holds never changes.')
param environmentVersion string

@description('Log Analytics workspace that is told about runs and nodes.')
param logsId string

param tags object

var datastores = [
  { account: dataAccount, container: 'videos' }
  { account: dataAccount, container: 'styles' }
  { account: jobsAccount, container: 'jobs' }
]

resource workspace 'Microsoft.MachineLearningServices/workspaces@2025-12-01' = {
  name: name
  location: location
  tags: tags
  // checkov:skip=CKV_AZURE_243: the private endpoint is in private-endpoints.bicep
  kind: 'Default'
  sku: { name: 'Basic', tier: 'Basic' }
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identities.workspaceId}': {} }
  }
  properties: {
    friendlyName: name
    primaryUserAssignedIdentity: identities.workspaceId
    storageAccount: storageId
    keyVault: vaultId
    containerRegistry: registryId
    applicationInsights: insightsId
    systemDatastoresAuthMode: 'Identity'
    // Without a private network, identities and roles alone keep others out.
    publicNetworkAccess: privateNetwork ? 'Disabled' : 'Enabled'
    v1LegacyMode: false
  }
}

module rbac 'rbac-workspace.bicep' = {
  params: {
    principals: { app: identities.appPrincipalId, workspace: identities.workspacePrincipalId }
    workspaceName: workspace.name
    token: token
  }
}

// Without credentials: what mounts a datastore does so by its own identity.
resource containers 'Microsoft.MachineLearningServices/workspaces/datastores@2025-12-01' = [
  for store in datastores: {
    parent: workspace
    name: store.container
    properties: {
      datastoreType: 'AzureBlob'
      accountName: store.account
      containerName: store.container
      endpoint: environment().suffixes.storage
      protocol: 'https'
      resourceGroup: resourceGroup().name
      subscriptionId: subscription().subscriptionId
      serviceDataAccessAuthIdentity: 'None'
      credentials: { credentialsType: 'None' }
    }
  }
]

resource worker 'Microsoft.MachineLearningServices/workspaces/environments@2025-12-01' = {
  parent: workspace
  name: 'gpu-worker'
  properties: { description: 'Paints the frames of a video.' }
}

resource version 'Microsoft.MachineLearningServices/workspaces/environments/versions@2025-12-01' = {
  parent: worker
  name: environmentVersion
  properties: {
    image: image
    osType: 'Linux'
    autoRebuild: 'Disabled'
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'runs'
  scope: workspace
  properties: {
    workspaceId: logsId
    logs: [
      { category: 'AmlComputeClusterEvent', enabled: true }
      { category: 'AmlRunStatusChangedEvent', enabled: true }
    ]
  }
}

output id string = workspace.id
output name string = workspace.name
output environment string = '${worker.name}:${version.name}'
