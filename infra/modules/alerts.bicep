// Who is told when something is wrong: a painting job that failed, an event that nobody took.

@description('Name of the action group.')
param actionGroupName string

@description('Address that is written to.')
param email string

@description('Azure Machine Learning workspace.')
param workspaceId string

@description('Data account. Its only queue is the one of the poison blobs.')
param dataAccountId string

@description('Event Grid topic of the data account.')
param topicId string

@description('Region.')
param location string

@description('Log Analytics workspace: id, dailyGigabytes that it takes in, insightsId of what is on it.')
param logs object

param tags object

var alerts = [
  {
    name: 'painting-failed'
    description: 'A painting job failed: see its instance. Another attempt may follow.'
    scope: workspaceId
    metric: 'Failed Runs'
    aggregation: 'Total'
    window: 'PT15M'
    every: 'PT5M'
  }
  {
    name: 'upload-not-started'
    description: 'An upload started no job: see queue webjobs-blobtrigger-poison, data account.'
    scope: '${dataAccountId}/queueServices/default'
    metric: 'QueueMessageCount'
    aggregation: 'Average'
    window: 'PT1H'
    every: 'PT1H'
  }
  {
    name: 'event-not-delivered'
    description: 'The app did not take an event: see container dead-letters, jobs account.'
    scope: topicId
    metric: 'DeadLetteredCount'
    aggregation: 'Total'
    window: 'PT15M'
    every: 'PT5M'
  }
]

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: actionGroupName
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'atelier'
    emailReceivers: [{ name: 'owner', emailAddress: email, useCommonAlertSchema: true }]
  }
}

resource rules 'Microsoft.Insights/metricAlerts@2026-01-01' = [
  for alert in alerts: {
    name: alert.name
    location: 'global'
    tags: tags
    properties: {
      description: alert.description
      severity: 2
      enabled: true
      scopes: [alert.scope]
      windowSize: alert.window
      evaluationFrequency: alert.every
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            criterionType: 'StaticThresholdCriterion'
            name: 'any'
            metricName: alert.metric
            timeAggregation: alert.aggregation
            operator: 'GreaterThan'
            threshold: 0
          }
        ]
      }
      actions: [{ actionGroupId: people.id }]
    }
  }
]

// What the uploader did wrong is told to the uploader; this is told to the operator.
resource failedJobs 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = {
  name: 'job-failed'
  location: location
  tags: tags
  properties: {
    displayName: 'A job failed by no fault of its video'
    description: 'A video got no result, though nothing is wrong with it: see the message.'
    severity: 1
    enabled: true
    scopes: [logs.insightsId]
    evaluationFrequency: 'PT15M'
    windowSize: 'PT15M'
    criteria: {
      allOf: [
        {
          query: 'traces | where message has_any ("service-failed", "painting-failed", "no-gpu", "bad-result")'
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    autoMitigate: false
    actions: { actionGroups: [people.id] }
  }
}

// Above the cap nothing is taken in until the next day, and whoever asks the logs is told nothing.
resource nearCap 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = {
  name: 'logs-near-cap'
  location: location
  tags: tags
  properties: {
    displayName: 'Most of the day\'s logs are used up'
    description: 'Above the daily cap no log is kept, and no alert on logs comes: find what floods them.'
    severity: 2
    enabled: true
    scopes: [logs.id]
    evaluationFrequency: 'PT1H'
    windowSize: 'P1D'
    criteria: {
      allOf: [
        {
          query: 'Usage | where IsBillable and StartTime >= startofday(now()) | project Quantity'
          metricMeasureColumn: 'Quantity'
          timeAggregation: 'Total'
          operator: 'GreaterThan'
          // Quantity is in MB.
          threshold: logs.dailyGigabytes * 1024 * 8 / 10
        }
      ]
    }
    autoMitigate: true
    actions: { actionGroups: [people.id] }
  }
}

output actionGroupId string = people.id
