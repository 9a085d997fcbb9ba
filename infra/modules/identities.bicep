// The three identities that act in Azure. None has a secret; what each may do is in rbac.bicep.

@description('Region.')
param location string

@description('Prefix of the names.')
param prefix string

@description('Suffix of the names, unique to the deployment.')
param token string

param tags object

resource app 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${prefix}app-${token}'
  location: location
  tags: tags
}

resource worker 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${prefix}worker-${token}'
  location: location
  tags: tags
}

// Not system-assigned: such an identity of a workspace is granted wide rights on the whole resource
// group by the service itself.
resource workspace 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${prefix}workspace-${token}'
  location: location
  tags: tags
}

output appId string = app.id
output appClientId string = app.properties.clientId
output appPrincipalId string = app.properties.principalId
output workerId string = worker.id
output workerPrincipalId string = worker.properties.principalId
output workspaceId string = workspace.id
output workspacePrincipalId string = workspace.properties.principalId
