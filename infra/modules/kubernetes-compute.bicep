// An AKS cluster with GPU nodes as the compute target, in place of a GPU cluster of the workspace's
// own. Attaching is not idempotent: deploy this once. What its instance type asks of a node is told
// to the cluster itself, by hooks/postprovision.

@description('Region.')
param location string

@description('Name of the Azure Machine Learning workspace.')
param workspaceName string

@description('Name of the compute target.')
param name string

@description('Resource id of the AKS cluster.')
param clusterId string

@description('Name of the instance type that jobs ask for, as in hooks/instance-type.yaml.')
param instanceType string

@description('User-assigned identity by which pods read videos and write shards.')
param identityId string

resource workspace 'Microsoft.MachineLearningServices/workspaces@2025-12-01' existing = {
  name: workspaceName
}

resource target 'Microsoft.MachineLearningServices/workspaces/computes@2025-12-01' = {
  parent: workspace
  name: name
  location: location
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    computeType: 'Kubernetes'
    resourceId: clusterId
    disableLocalAuth: true
    properties: {
      namespace: 'default'
      // For jobs that name none: the service's own default has no GPU.
      defaultInstanceType: instanceType
    }
  }
}
