// The GPU cluster that paints: no node while there is nothing to paint, none to be logged into.

@description('Region.')
param location string

@description('Name of the Azure Machine Learning workspace.')
param workspaceName string

@description('Name of the compute target.')
param name string

param gpuSku string

@minValue(0)
param nodesMin int

@minValue(1)
param nodesMax int

@allowed(['Dedicated', 'LowPriority'])
param tier string

@description('Seconds that a node stays after its last job.')
@minValue(60)
param idleSeconds int

@description('User-assigned identity by which nodes read videos, write shards and pull the image.')
param identityId string

@description('Subnet of the nodes, which then have no public address; empty for none.')
param subnetId string

param tags object

resource workspace 'Microsoft.MachineLearningServices/workspaces@2025-12-01' existing = {
  name: workspaceName
}

resource cluster 'Microsoft.MachineLearningServices/workspaces/computes@2025-12-01' = {
  parent: workspace
  name: name
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    computeType: 'AmlCompute'
    disableLocalAuth: true
    properties: {
      osType: 'Linux'
      vmSize: gpuSku
      vmPriority: tier
      scaleSettings: {
        minNodeCount: nodesMin
        maxNodeCount: nodesMax
        nodeIdleTimeBeforeScaleDown: 'PT${idleSeconds}S'
      }
      remoteLoginPortPublicAccess: 'Disabled'
      // The service refuses `false` outside a subnet of one's own.
      enableNodePublicIp: empty(subnetId)
      subnet: empty(subnetId) ? null : { id: subnetId }
    }
  }
}
