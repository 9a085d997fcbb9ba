// What paints: a GPU cluster of the workspace's own, or the nodes of an AKS cluster.

@description('Region.')
param location string

@description('Name of the Azure Machine Learning workspace.')
param workspaceName string

@description('Name of the compute target.')
param name string

@description('Nodes of a GPU cluster: sku, min, max, tier and idleSeconds.')
param nodes object

@description('Subnet of the nodes of a GPU cluster; empty for none.')
param subnetId string

@description('Resource id of the AKS cluster; empty for a GPU cluster.')
param kubernetesClusterId string

@description('The AKS cluster is attached already. Attaching it again would fail.')
param kubernetesAttached bool

@description('Name of the instance type that jobs ask an AKS cluster for.')
param instanceType string

@description('User-assigned identity by which what paints reads videos and writes shards.')
param identityId string

param tags object

var onKubernetes = !empty(kubernetesClusterId)

module cluster 'gpu-cluster.bicep' = if (!onKubernetes) {
  params: {
    location: location
    workspaceName: workspaceName
    name: name
    gpuSku: nodes.sku
    nodesMin: nodes.min
    nodesMax: nodes.max
    tier: nodes.tier
    idleSeconds: nodes.idleSeconds
    identityId: identityId
    subnetId: subnetId
    tags: tags
  }
}

module kubernetesCompute 'kubernetes-compute.bicep' = if (onKubernetes && !kubernetesAttached) {
  params: {
    location: location
    workspaceName: workspaceName
    name: name
    clusterId: kubernetesClusterId
    instanceType: instanceType
    identityId: identityId
  }
}
