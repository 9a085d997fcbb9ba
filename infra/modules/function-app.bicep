// The function app on Flex Consumption, and everything that it is told by app settings.

@description('Region.')
param location string

@description('Name of the app.')
param name string

@description('Name of the plan.')
param planName string

@description('User-assigned identity of the app.')
param identityId string

@description('Its client id.')
param clientId string

@description('Blob, queue and table endpoint of the account that the host keeps its own state in.')
param host object

@description('Container for the deployment package.')
param packageContainer string

@description('Blob and queue endpoint of the data account.')
param data object

@description('Blob endpoint of the jobs account.')
param jobs object

@description('Where jobs go: workspace, compute, instanceType, sku, tier, environment:version.')
param machineLearning object

@description('Most that a job and a day may cost, and the price of a node; each may be empty.')
param limits object

@description('Most nodes for one job.')
@minValue(1)
param nodesMax int

@description('MPI processes on a node.')
@minValue(1)
param processesPerNode int

@description('Connection string of Application Insights. No secret: identities alone may write.')
param insightsConnectionString string

@description('Orchestrations are kept by a Durable Task Scheduler, not in storage.')
param durableTaskScheduler bool

@description('Connection string of the scheduler, if there is one.')
param schedulerConnection string

@description('Instances for orchestrations and activities that are there, and paid for, all the time.')
@minValue(0)
param alwaysReady int

@description('Application (client) id of the registration that people sign in to; empty for none.')
param signInClientId string

@description('Tenant whose people may.')
param signInTenantId string

@description('The API asks for a function key.')
param apiKeys bool

@description('Further app settings; they win.')
param furtherSettings object

@description('Subnet for outbound traffic; empty for none.')
param subnetId string

@description('Log Analytics workspace for the logs.')
param logsId string

param tags object

var settings = {
  PYTHON_SCRIPT_FILE_NAME: 'app.py'
  AzureWebJobsDisableHomepage: 'true'
  AzureWebJobsStorage__blobServiceUri: host.blob
  AzureWebJobsStorage__queueServiceUri: host.queue
  AzureWebJobsStorage__tableServiceUri: host.table
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: clientId
  DATA__blobServiceUri: data.blob
  DATA__queueServiceUri: data.queue
  DATA__credential: 'managedidentity'
  DATA__clientId: clientId
  JOBS__blobServiceUri: jobs.blob
  JOBS__clientId: clientId
  BLOB_TRIGGER_SOURCE: 'EventGrid'
  AML_SUBSCRIPTION_ID: subscription().subscriptionId
  AML_RESOURCE_GROUP: resourceGroup().name
  AML_WORKSPACE: machineLearning.workspace
  AML_COMPUTE: machineLearning.compute
  AML_INSTANCE_TYPE: machineLearning.instanceType
  AML_SKU: machineLearning.sku
  AML_TIER: machineLearning.tier
  AML_ENVIRONMENT: machineLearning.environment
  AML_CLIENT_ID: clientId
  AML_NODES_MAX: string(nodesMax)
  AML_PROCESSES_PER_NODE: string(processesPerNode)
  MAX_COST_PER_JOB: limits.job
  MAX_COST_PER_DAY: limits.day
  NODE_PRICE_PER_HOUR: limits.price
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${clientId};Authorization=AAD'
  PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: 'true'
}

var schedulerSettings = {
  AzureFunctionsJobHost__extensions__durableTask__storageProvider__type: 'azureManaged'
  AzureFunctionsJobHost__extensions__durableTask__storageProvider__connectionStringName: 'DURABLE_TASK_SCHEDULER'
  DURABLE_TASK_SCHEDULER: schedulerConnection
}

var providerSettings = durableTaskScheduler ? schedulerSettings : {}
var keySettings = apiKeys ? {} : { HTTP_AUTH_LEVEL: 'anonymous' }
var allSettings = union(settings, providerSettings, keySettings, furtherSettings)

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  // checkov:skip=CKV_AZURE_225: a second zone needs instances that are always paid
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'function-app' })
  kind: 'functionapp,linux'
  // checkov:skip=CKV_AZURE_17: users and Event Grid show keys, and have no certificates
  // checkov:skip=CKV_AZURE_212: no instance while there is nothing to do
  // checkov:skip=CKV_AZURE_213: Flex Consumption replaces unhealthy instances by itself
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    // checkov:skip=CKV_AZURE_222: Event Grid and users call from public addresses
    publicNetworkAccess: 'Enabled'
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      http20Enabled: true
      remoteDebuggingEnabled: false
      appSettings: [for setting in items(allSettings): { name: setting.key, value: setting.value }]
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${host.blob}${packageContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: { name: 'python', version: '3.13' }
      scaleAndConcurrency: {
        // As many children as activities run at once (host.json), each of CHILD_MEMORY_MIB at most,
        // and the host and the app beside them.
        instanceMemoryMB: 4096
        maximumInstanceCount: 40
        alwaysReady: alwaysReady > 0 ? [{ name: 'durable', instanceCount: alwaysReady }] : []
      }
    }
  }
}

// People sign in before anything of the app is reached. No secret: the registration hands out id
// tokens, and none is stored.
resource signIn 'Microsoft.Web/sites/config@2024-11-01' = if (!empty(signInClientId)) {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: { enabled: true }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'RedirectToLoginPage'
      redirectToProvider: 'azureactivedirectory'
      // Event Grid shows the host's own key there, which is for nothing else.
      excludedPaths: ['/runtime/webhooks/blobs']
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: signInClientId
          openIdIssuer: '${environment().authentication.loginEndpoint}${signInTenantId}/v2.0'
        }
        validation: { allowedAudiences: [signInClientId, 'api://${signInClientId}'] }
      }
    }
    login: { tokenStore: { enabled: false } }
    httpSettings: { requireHttps: true }
  }
}

resource ftp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'ftp'
  properties: { allow: false }
}

resource scm 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'scm'
  properties: { allow: false }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'logs'
  scope: app
  properties: {
    workspaceId: logsId
    logs: [{ category: 'FunctionAppLogs', enabled: true }]
  }
}

output name string = app.name
output host string = app.properties.defaultHostName
