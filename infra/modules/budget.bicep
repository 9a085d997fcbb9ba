// A budget for the resource group. It warns; it stops nothing.

@description('Name of the budget.')
param name string

@description('Amount a month, in the currency of the subscription.')
@minValue(1)
param amount int

@description('First day of the month from which it counts.')
param startDate string

@description('Action group that is told; empty for the owners of the resource group alone.')
param actionGroupId string

var told = {
  enabled: true
  operator: 'GreaterThanOrEqualTo'
  contactEmails: []
  contactRoles: ['Owner']
  contactGroups: empty(actionGroupId) ? [] : [actionGroupId]
}

resource budget 'Microsoft.Consumption/budgets@2024-08-01' = {
  name: name
  properties: {
    category: 'Cost'
    amount: amount
    timeGrain: 'Monthly'
    timePeriod: { startDate: startDate }
    notifications: {
      halfSpent: union(told, { thresholdType: 'Actual', threshold: 50 })
      spent: union(told, { thresholdType: 'Actual', threshold: 100 })
      willBeSpent: union(told, { thresholdType: 'Forecasted', threshold: 110 })
    }
  }
}
