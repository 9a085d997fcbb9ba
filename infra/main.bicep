// Everything of Atelier in one resource group. `events.bicep` follows once the code is deployed.

targetScope = 'subscription'

@description('Name of the deployment; names of resources are derived from it.')
@minLength(2)
@maxLength(64)
param name string

@description('Region. It must offer Flex Consumption and the GPU SKU.')
param location string

@description('Object id of who deploys: may upload styles and send smoke jobs.')
param principalId string

@description('Kind of the deployer.')
@allowed(['User', 'Group', 'ServicePrincipal'])
param principalType string = 'User'

@description('VM size of the nodes that paint; one of those in function_app/gpus.json.')
param gpuSku string = 'Standard_NC4as_T4_v3'

@description('Nodes that stay when there is nothing to paint.')
@minValue(0)
param nodesMin int = 0

@description('Most nodes at once, for one job and for all together.')
@minValue(1)
@maxValue(100)
param nodesMax int = 4

@description('LowPriority is cheaper, and nodes may be taken away in the middle of a job.')
@allowed(['Dedicated', 'LowPriority'])
param tier string = 'Dedicated'

@description('Seconds that a node stays after its last job.')
@minValue(60)
@maxValue(7200)
param idleSeconds int = 120

@description('Tag of the image and version of the environment; raise it when gpu_worker changes.')
param workerVersion string = '1'

@description('Days after which what a job left behind is deleted.')
@minValue(8)
@maxValue(365)
param jobDays int = 30

@description('Days for which deleted and overwritten blobs can be restored.')
@minValue(1)
@maxValue(365)
param restoreDays int = 7

@description('A virtual network with private endpoints, and nodes without public addresses.')
param privateNetwork bool = false

@description('In a private network: who may upload: IPv4 addresses and ranges, with commas.')
param clientAddresses string = ''

@description('Keep orchestrations in a Durable Task Scheduler, not in storage.')
param durableTaskScheduler bool = false

@description('Instances of the app that are always there; with none, the first job waits for one.')
@minValue(0)
@maxValue(10)
param alwaysReady int = 0

@description('Most that painting one video may cost, in dollars; empty for no limit.')
param maxCostPerJob string = ''

@description('Most that may be started in a day, in dollars; empty for no limit.')
param maxCostPerDay string = ''

@description('Price of a node for an hour; empty for that in function_app/gpus.json.')
param nodePricePerHour string = ''

@description('Application (client) id that people sign in to with Entra; empty for no sign-in.')
param signInClientId string = ''

@description('Tenant whose people may sign in; empty for that of the subscription.')
param signInTenantId string = ''

@description('The API asks for a function key. Without, people must sign in.')
param apiKeys bool = true

@description('Further settings of the app, by the names in function_app/settings.py.')
param appSettings object = {}

@description('Resource id of an AKS cluster that paints in place of a GPU cluster; empty for none.')
param kubernetesClusterId string = ''

@description('The AKS cluster is attached already. Attaching it again would fail.')
param kubernetesAttached bool = false

@description('Budget a month, in the currency of the subscription; 0 for none.')
@minValue(0)
param budgetPerMonth int = 0

@description('Where alerts are sent; empty for no alerts.')
param alertEmail string = ''

@description('First day of the month in which the budget was made; empty for this month.')
param budgetStart string = ''

@description('First day of this month; not to be given.')
param thisMonth string = utcNow('yyyy-MM-01')

var short = loadJsonContent('abbreviations.json')
// 'West Europe' is 'westeurope': names must not change with the spelling.
var region = toLower(replace(location, ' ', ''))
var token = uniqueString(subscription().id, name, region)
var tags = { 'azd-env-name': name }

// Sizes of nodes, and what the app knows of them: one table for both.
var nodeSizes = items(loadJsonContent('../function_app/gpus.json'))
var sizes = filter(nodeSizes, each => toLower(each.key) == toLower(gpuSku))
var size = empty(sizes) ? fail('gpuSku is none of those in function_app/gpus.json') : sizes[0]
var gpusPerNode = size.value.gpus
var nodesLow = nodesMin <= nodesMax ? nodesMin : fail('nodesMin is above nodesMax')

var appName = '${short.functionApp}${token}'
var computeName = 'gpu'
var instanceType = 'gpu'
var packageContainer = 'app-package'
var onKubernetes = !empty(kubernetesClusterId)
// '/subscriptions/{2}/resourceGroups/{4}/providers/.../{name}'; what is not deployed is checked too.
var clusterPath = split(onKubernetes ? kubernetesClusterId : '/////none', '/')
var addresses = filter(map(split(clientAddresses, ','), each => trim(each)), each => !empty(each))
var clients = privateNetwork ? addresses : []
// An API that nobody guards would be everybody's.
var keys = apiKeys || !empty(signInClientId) ? apiKeys : fail('apiKeys is false without sign-in')
// The first day of a budget cannot change: azd keeps the output, and gives it back.
var budgetSince = empty(budgetStart) ? thisMonth : budgetStart

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: '${short.resourceGroup}${name}'
  location: location
  tags: tags
}

module foundation 'modules/foundation.bicep' = {
  scope: group
  params: {
    location: location
    token: token
    deployerId: principalId
    deployerType: principalType
    privateNetwork: privateNetwork
    clientAddresses: clients
    pageOrigin: 'https://${appName}.azurewebsites.net'
    packageContainer: packageContainer
    restoreDays: restoreDays
    jobDays: jobDays
    durableTaskScheduler: durableTaskScheduler
    tags: tags
  }
}

module workspace 'modules/workspace.bicep' = {
  scope: group
  params: {
    location: location
    name: '${short.machineLearningWorkspace}${token}'
    privateNetwork: privateNetwork
    token: token
    identities: foundation.outputs.identities
    storageId: foundation.outputs.runsId
    vaultId: foundation.outputs.vaultId
    registryId: foundation.outputs.registry.id
    insightsId: foundation.outputs.logs.insightsId
    dataAccount: foundation.outputs.data.name
    jobsAccount: foundation.outputs.jobs.name
    image: '${foundation.outputs.registry.server}/gpu-worker:${workerVersion}'
    environmentVersion: workerVersion
    logsId: foundation.outputs.logs.id
    tags: tags
  }
}

// The workspace has one too: so they come after it.
module endpoints 'modules/private-endpoints.bicep' = if (privateNetwork) {
  scope: group
  params: {
    location: location
    prefix: short.privateEndpoint
    subnetId: foundation.outputs.subnets.endpoints
    endpoints: concat(foundation.outputs.endpoints, [
      {
        name: 'workspace'
        serviceId: workspace.outputs.id
        group: 'amlworkspace'
        zones: foundation.outputs.zones.workspace
      }
    ])
    tags: tags
  }
}

// Made from the beginning, for it takes minutes.
module kubernetesExtension 'modules/kubernetes-extension.bicep' = if (onKubernetes) {
  scope: resourceGroup(clusterPath[2], clusterPath[4])
  params: { clusterName: last(clusterPath) }
}

module rbacKubernetes 'modules/rbac-kubernetes.bicep' = if (onKubernetes) {
  scope: resourceGroup(clusterPath[2], clusterPath[4])
  params: {
    principals: { workspace: foundation.outputs.identities.workspacePrincipalId }
    clusterName: last(clusterPath)
  }
}

module compute 'modules/compute.bicep' = {
  scope: group
  params: {
    location: location
    workspaceName: workspace.outputs.name
    name: computeName
    nodes: { sku: size.key, min: nodesLow, max: nodesMax, tier: tier, idleSeconds: idleSeconds }
    subnetId: foundation.outputs.subnets.nodes
    kubernetesClusterId: kubernetesClusterId
    kubernetesAttached: kubernetesAttached
    instanceType: instanceType
    identityId: foundation.outputs.identities.workerId
    tags: tags
  }
  // Nodes reach the workspace as soon as they start; it attaches a cluster by its own identity.
  dependsOn: [endpoints, kubernetesExtension, rbacKubernetes]
}

module functionApp 'modules/function-app.bicep' = {
  scope: group
  params: {
    location: location
    name: appName
    planName: '${short.appServicePlan}${token}'
    identityId: foundation.outputs.identities.appId
    clientId: foundation.outputs.identities.appClientId
    host: foundation.outputs.jobs
    packageContainer: packageContainer
    data: foundation.outputs.data
    jobs: foundation.outputs.jobs
    machineLearning: {
      workspace: workspace.outputs.name
      compute: computeName
      instanceType: onKubernetes ? instanceType : ''
      sku: size.key
      tier: onKubernetes ? 'Dedicated' : tier
      environment: workspace.outputs.environment
    }
    limits: { job: maxCostPerJob, day: maxCostPerDay, price: nodePricePerHour }
    nodesMax: nodesMax
    processesPerNode: gpusPerNode
    insightsConnectionString: foundation.outputs.logs.insightsConnectionString
    durableTaskScheduler: durableTaskScheduler
    schedulerConnection: foundation.outputs.schedulerConnection
    alwaysReady: alwaysReady
    signInClientId: signInClientId
    signInTenantId: empty(signInTenantId) ? tenant().tenantId : signInTenantId
    apiKeys: keys
    furtherSettings: appSettings
    subnetId: foundation.outputs.subnets.app
    logsId: foundation.outputs.logs.id
    tags: tags
  }
  // The host reads its own state as soon as it starts.
  dependsOn: [endpoints]
}

module alerts 'modules/alerts.bicep' = if (!empty(alertEmail)) {
  scope: group
  params: {
    actionGroupName: '${short.actionGroup}${token}'
    email: alertEmail
    workspaceId: workspace.outputs.id
    dataAccountId: foundation.outputs.data.id
    topicId: foundation.outputs.topic.id
    location: location
    logs: foundation.outputs.logs
    tags: tags
  }
}

module budget 'modules/budget.bicep' = if (budgetPerMonth > 0) {
  scope: group
  params: {
    name: '${short.budget}${token}'
    amount: max(1, budgetPerMonth)
    startDate: budgetSince
    actionGroupId: empty(alertEmail) ? '' : alerts.?outputs.?actionGroupId ?? ''
  }
}

output AZURE_SUBSCRIPTION_ID string = subscription().subscriptionId
output AZURE_RESOURCE_GROUP string = group.name
output FUNCTION_APP_NAME string = functionApp.outputs.name
output FUNCTION_APP_URL string = 'https://${functionApp.outputs.host}'
output DATA_ACCOUNT_NAME string = foundation.outputs.data.name
output JOBS_ACCOUNT_NAME string = foundation.outputs.jobs.name
output EVENT_TOPIC_NAME string = foundation.outputs.topic.name
output INSIGHTS_ID string = foundation.outputs.logs.insightsId
output REGISTRY_NAME string = foundation.outputs.registry.name
output WORKER_IMAGE string = 'gpu-worker:${workerVersion}'
output PRIVATE_NETWORK bool = privateNetwork
output BUDGET_START string = budgetPerMonth > 0 ? budgetSince : budgetStart
output KUBERNETES_CLUSTER_ID string = kubernetesClusterId
output KUBERNETES_ATTACHED bool = onKubernetes
output INSTANCE_TYPE string = instanceType
// What AKS and its daemons keep of a node is no more than one CPU and a quarter of the memory.
output NODE_GPUS int = gpusPerNode
output NODE_CPUS int = size.value.vcpus - 1
output NODE_MEMORY_GIB int = size.value.memory_gib * 3 / 4
