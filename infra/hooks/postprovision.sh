#!/bin/sh
# Builds the worker's image, unless this version is there, uploads the shipped styles, and brings
# the operator's workbook up to date, a template as the portal gives it back after an edit.
# Reads: REGISTRY_NAME, WORKER_IMAGE, DATA_ACCOUNT_NAME, PRIVATE_NETWORK, AZURE_RESOURCE_GROUP,
# INSIGHTS_ID, and BASE_DIGEST if set.

set -eu
cd "$(dirname "$0")/../.."

is_built() {
    az acr repository show --name "$REGISTRY_NAME" --image "$WORKER_IMAGE" --output none 2>/dev/null
}

build_in_registry() {
    az acr build --registry "$REGISTRY_NAME" --image "$WORKER_IMAGE" \
        --build-arg BASE_DIGEST="${BASE_DIGEST:-}" gpu_worker
}

# The registry's own builders are outside the private network.
build_here() {
    az acr login --name "$REGISTRY_NAME"
    docker build --tag "$REGISTRY_NAME.azurecr.io/$WORKER_IMAGE" \
        --build-arg BASE_DIGEST="${BASE_DIGEST:-}" gpu_worker
    docker push "$REGISTRY_NAME.azurecr.io/$WORKER_IMAGE"
}

if is_built; then
    echo "$WORKER_IMAGE is in the registry already: set WORKER_VERSION for a new one"
elif [ "$PRIVATE_NETWORK" = true ]; then
    build_here
else
    build_in_registry
fi

az storage blob upload-batch --auth-mode login --account-name "$DATA_ACCOUNT_NAME" \
    --destination styles --source styles --pattern '*.safetensors' --overwrite --output none

az deployment group create --resource-group "$AZURE_RESOURCE_GROUP" --name workbook \
    --template-file infra/workbook.json --output none --parameters insightsId="$INSIGHTS_ID"
