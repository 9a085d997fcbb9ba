#!/bin/sh
# Subscribes the blob trigger to uploads. A new app may not answer the handshake at once.
# Reads: AZURE_SUBSCRIPTION_ID, AZURE_RESOURCE_GROUP, FUNCTION_APP_NAME, EVENT_TOPIC_NAME,
# JOBS_ACCOUNT_NAME.

set -eu
cd "$(dirname "$0")/.."

subscribe() {
    az deployment group create --subscription "$AZURE_SUBSCRIPTION_ID" \
        --resource-group "$AZURE_RESOURCE_GROUP" --name events \
        --template-file events.bicep --output none --parameters \
        functionAppName="$FUNCTION_APP_NAME" \
        topicName="$EVENT_TOPIC_NAME" \
        jobsAccountName="$JOBS_ACCOUNT_NAME"
}

for wait in 15 30 60 120; do
    if subscribe; then
        exit 0
    fi
    echo "the function app does not answer yet; trying again in $wait s"
    sleep "$wait"
done
subscribe
