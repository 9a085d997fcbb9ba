// What an AKS cluster needs to run jobs of Azure Machine Learning. Deployed where the cluster is.

@description('Name of the AKS cluster.')
param clusterName string

resource aks 'Microsoft.ContainerService/managedClusters@2025-05-01' existing = {
  name: clusterName
}

// Volcano starts all nodes of an MPI job or none.
resource extension 'Microsoft.KubernetesConfiguration/extensions@2025-03-01' = {
  name: 'azureml'
  scope: aks
  identity: { type: 'SystemAssigned' }
  properties: {
    extensionType: 'Microsoft.AzureML.Kubernetes'
    releaseTrain: 'stable'
    autoUpgradeMinorVersion: true
    scope: { cluster: { releaseNamespace: 'azureml' } }
    configurationSettings: {
      enableTraining: 'True'
      enableInference: 'False'
      installVolcano: 'True'
    }
  }
}
