# Subscribes the blob trigger to uploads. A new app may not answer the handshake at once.
# Reads: AZURE_SUBSCRIPTION_ID, AZURE_RESOURCE_GROUP, FUNCTION_APP_NAME, EVENT_TOPIC_NAME,
# JOBS_ACCOUNT_NAME.

$ErrorActionPreference = 'Stop'
Set-Location (Join-Path $PSScriptRoot '..')

function New-Subscription {
    az deployment group create --subscription $env:AZURE_SUBSCRIPTION_ID `
        --resource-group $env:AZURE_RESOURCE_GROUP --name events `
        --template-file events.bicep --output none --parameters `
        "functionAppName=$env:FUNCTION_APP_NAME" `
        "topicName=$env:EVENT_TOPIC_NAME" `
        "jobsAccountName=$env:JOBS_ACCOUNT_NAME"
    $LASTEXITCODE -eq 0
}

foreach ($wait in 15, 30, 60, 120) {
    if (New-Subscription) { exit 0 }
    Write-Output "the function app does not answer yet; trying again in $wait s"
    Start-Sleep -Seconds $wait
}
if (-not (New-Subscription)) { throw 'the subscription could not be made' }
