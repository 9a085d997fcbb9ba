// Who may do what in the Azure Machine Learning workspace: rows as in rbac.bicep, once it is there.

@description('Principal ids by identity: app and workspace.')
param principals object

@description('Name of the workspace.')
param workspaceName string

@description('Suffix of the custom role\'s name, which is unique in the tenant.')
param token string

var groupId = resourceGroup().id
var definitions = 'Microsoft.Authorization/roleDefinitions'

var roles = {
  'Atelier Job Submitter': guid(groupId, 'Atelier Job Submitter')
  Contributor: 'b24988ac-6180-42a0-ab88-20f7382dd24c'
}

var onWorkspace = [
  { who: 'app', role: 'Atelier Job Submitter', why: 'submits, follows, cancels jobs' }
  { who: 'workspace', role: 'Contributor', why: 'manages itself' }
]

// What is documented for submitting any kind of run, and jobs themselves.
// https://learn.microsoft.com/azure/machine-learning/how-to-assign-roles
resource jobSubmitter 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: roles['Atelier Job Submitter']
  properties: {
    roleName: 'Atelier Job Submitter (${token})'
    description: 'Submit, follow and cancel jobs of Azure Machine Learning.'
    type: 'CustomRole'
    assignableScopes: [groupId]
    permissions: [
      {
        actions: [
          'Microsoft.MachineLearningServices/workspaces/*/read'
          'Microsoft.MachineLearningServices/workspaces/environments/build/action'
          'Microsoft.MachineLearningServices/workspaces/environments/readSecrets/action'
          'Microsoft.MachineLearningServices/workspaces/environments/write'
          'Microsoft.MachineLearningServices/workspaces/experiments/runs/submit/action'
          'Microsoft.MachineLearningServices/workspaces/experiments/runs/write'
          'Microsoft.MachineLearningServices/workspaces/jobs/*'
          'Microsoft.MachineLearningServices/workspaces/metadata/artifacts/write'
          'Microsoft.MachineLearningServices/workspaces/metadata/snapshots/write'
          'Microsoft.MachineLearningServices/workspaces/read'
        ]
      }
    ]
  }
}

resource workspace 'Microsoft.MachineLearningServices/workspaces@2025-12-01' existing = {
  name: workspaceName
}

resource onWorkspaceAssigned 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for row in onWorkspace: {
    name: guid(workspace.id, principals[row.who], roles[row.role])
    scope: workspace
    properties: {
      principalId: principals[row.who]
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId(definitions, roles[row.role])
      description: row.why
    }
    dependsOn: [jobSubmitter]
  }
]
