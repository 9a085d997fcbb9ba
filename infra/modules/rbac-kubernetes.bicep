// Who may do what with the AKS cluster: rows as in rbac.bicep. Deployed where the cluster is.
// https://learn.microsoft.com/azure/machine-learning/how-to-attach-kubernetes-to-workspace

@description('Principal ids by identity: workspace.')
param principals object

@description('Name of the AKS cluster.')
param clusterName string

var definitions = 'Microsoft.Authorization/roleDefinitions'

var roles = {
  'Azure Kubernetes Service Cluster Admin Role': '0ab0b1a8-8aac-4efd-b8c2-3ee1fb270be8'
  'Kubernetes Extension Contributor': '85cb6faf-e071-4c9b-8136-154b5a04f717'
  Reader: 'acdd72a7-3385-48ef-bd42-f606fba81ae7'
}

var onCluster = [
  { who: 'workspace', role: 'Reader', why: 'looks at the cluster that it attaches' }
  { who: 'workspace', role: 'Kubernetes Extension Contributor', why: 'configures its extension' }
  {
    who: 'workspace'
    role: 'Azure Kubernetes Service Cluster Admin Role'
    why: 'starts jobs in the cluster'
  }
]

resource aks 'Microsoft.ContainerService/managedClusters@2025-05-01' existing = {
  name: clusterName
}

resource onClusterAssigned 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for row in onCluster: {
    name: guid(aks.id, principals[row.who], roles[row.role])
    scope: aks
    properties: {
      principalId: principals[row.who]
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId(definitions, roles[row.role])
      description: row.why
    }
  }
]
