// Where logs, traces and metrics go: one Log Analytics workspace and Application Insights upon it.

@description('Region.')
param location string

@description('Name of the Log Analytics workspace.')
param logsName string

@description('Name of the Application Insights component.')
param insightsName string

@description('Days for which logs are kept.')
@minValue(30)
@maxValue(730)
param retentionDays int = 30

@description('GB a day above which no more is taken in: a flood of logs is no flood of costs.')
@minValue(1)
param dailyGigabytes int = 1

param tags object

resource logs 'Microsoft.OperationalInsights/workspaces@2025-07-01' = {
  name: logsName
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retentionDays
    workspaceCapping: { dailyQuotaGb: dailyGigabytes }
    features: { disableLocalAuth: true, enableLogAccessUsingOnlyResourcePermissions: true }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: insightsName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: logs.id
    DisableLocalAuth: true
  }
}

output logsId string = logs.id
output dailyGigabytes int = dailyGigabytes
output insightsId string = insights.id
output insightsName string = insights.name
output insightsConnectionString string = insights.properties.ConnectionString
