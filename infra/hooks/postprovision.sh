#!/bin/sh
# Builds the worker's image, unless this version is there, uploads the shipped styles, and brings
# the operator's workbook up to date, a template as the portal gives it back after an edit.
# Reads: AZURE_SUBSCRIPTION_ID, REGISTRY_NAME, WORKER_IMAGE, DATA_ACCOUNT_NAME, PRIVATE_NETWORK,
# AZURE_RESOURCE_GROUP, INSIGHTS_ID, KUBERNETES_CLUSTER_ID, INSTANCE_TYPE, NODE_CPUS,
# NODE_MEMORY_GIB, NODE_GPUS, and if set BASE_DIGEST, WORKER_CUDA, TORCH_INDEX, BUILD_WITH_DOCKER.

set -eu
cd "$(dirname "$0")/../.."

# The subscription that the CLI is set to may be another than azd's.
azure() {
    az "$@" --subscription "$AZURE_SUBSCRIPTION_ID"
}

# By lists, for which an image that is not there yet is no error.
list_tags() {
    repositories=$(azure acr repository list --name "$REGISTRY_NAME" --output tsv)
    if echo "$repositories" | grep -Fqx "${WORKER_IMAGE%:*}"; then
        azure acr repository show-tags --name "$REGISTRY_NAME" \
            --repository "${WORKER_IMAGE%:*}" --output tsv
    fi
}

# Installing PyTorch and CUDA takes the registry's builders longer than their usual hour at worst.
build_in_registry() {
    azure acr build --registry "$REGISTRY_NAME" --image "$WORKER_IMAGE" --timeout 7200 \
        --build-arg BASE_DIGEST="${BASE_DIGEST:-}" --build-arg CUDA="${WORKER_CUDA:-13.1}" \
        --build-arg TORCH_INDEX="${TORCH_INDEX:-}" gpu_worker
}

# The registry's own builders are outside the private network, and are not for free credit.
build_here() {
    azure acr login --name "$REGISTRY_NAME"
    docker build --tag "$REGISTRY_NAME.azurecr.io/$WORKER_IMAGE" \
        --build-arg BASE_DIGEST="${BASE_DIGEST:-}" --build-arg CUDA="${WORKER_CUDA:-13.1}" \
        --build-arg TORCH_INDEX="${TORCH_INDEX:-}" gpu_worker
    docker push "$REGISTRY_NAME.azurecr.io/$WORKER_IMAGE"
}

upload_styles() {
    azure storage blob upload-batch --auth-mode login --account-name "$DATA_ACCOUNT_NAME" \
        --destination styles --source styles --pattern '*.safetensors' --overwrite --output none
}

# A role that was just assigned may take minutes to hold.
again() {
    for wait in 15 30 60 120; do
        if "$@"; then
            return
        fi
        echo "trying again in $wait s: a new role may take minutes to hold"
        sleep "$wait"
    done
    "$@"
}

# The AKS cluster is told what a job asks of a node: /subscriptions/{3}/resourceGroups/{5}/.../{9}.
describe_nodes() {
    folder=$(mktemp -d)
    sed -e "s/INSTANCE_TYPE/$INSTANCE_TYPE/" -e "s/NODE_CPUS/$NODE_CPUS/" \
        -e "s/NODE_MEMORY_GIB/$NODE_MEMORY_GIB/" -e "s/NODE_GPUS/$NODE_GPUS/" \
        infra/hooks/instance-type.yaml >"$folder/instance-type.yaml"
    az aks command invoke \
        --subscription "$(echo "$KUBERNETES_CLUSTER_ID" | cut -d/ -f3)" \
        --resource-group "$(echo "$KUBERNETES_CLUSTER_ID" | cut -d/ -f5)" \
        --name "$(echo "$KUBERNETES_CLUSTER_ID" | cut -d/ -f9)" \
        --command "kubectl apply --filename instance-type.yaml" \
        --file "$folder/instance-type.yaml"
    rm -r "$folder"
}

tags=$(list_tags)
if echo "$tags" | grep -Fqx "${WORKER_IMAGE#*:}"; then
    echo "$WORKER_IMAGE is in the registry already: set WORKER_VERSION for a new one"
elif [ "$PRIVATE_NETWORK" = true ] || [ "${BUILD_WITH_DOCKER:-}" = true ]; then
    build_here
else
    build_in_registry
fi

again upload_styles

if [ -n "$KUBERNETES_CLUSTER_ID" ]; then
    describe_nodes
fi

azure deployment group create --resource-group "$AZURE_RESOURCE_GROUP" --name workbook \
    --template-file infra/workbook.json --output none --parameters insightsId="$INSIGHTS_ID"
