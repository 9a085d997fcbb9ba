# Builds the worker's image, unless this version is there, uploads the shipped styles, and brings
# the operator's workbook up to date, a template as the portal gives it back after an edit.
# Reads: REGISTRY_NAME, WORKER_IMAGE, DATA_ACCOUNT_NAME, PRIVATE_NETWORK, AZURE_RESOURCE_GROUP,
# INSIGHTS_ID, and BASE_DIGEST if set.

$ErrorActionPreference = 'Stop'
Set-Location (Join-Path $PSScriptRoot '../..')

function Assert-Success([string] $step) {
    if ($LASTEXITCODE -ne 0) { throw "$step failed" }
}

function Test-Image {
    az acr repository show --name $env:REGISTRY_NAME --image $env:WORKER_IMAGE --output none 2>$null
    $LASTEXITCODE -eq 0
}

function Build-ImageInRegistry {
    az acr build --registry $env:REGISTRY_NAME --image $env:WORKER_IMAGE `
        --build-arg "BASE_DIGEST=$env:BASE_DIGEST" gpu_worker
    Assert-Success 'az acr build'
}

# The registry's own builders are outside the private network.
function Build-ImageHere {
    $image = "$env:REGISTRY_NAME.azurecr.io/$env:WORKER_IMAGE"
    az acr login --name $env:REGISTRY_NAME
    Assert-Success 'az acr login'
    docker build --tag $image --build-arg "BASE_DIGEST=$env:BASE_DIGEST" gpu_worker
    Assert-Success 'docker build'
    docker push $image
    Assert-Success 'docker push'
}

if (Test-Image) {
    Write-Output "$env:WORKER_IMAGE is in the registry already: set WORKER_VERSION for a new one"
} elseif ($env:PRIVATE_NETWORK -eq 'true') {
    Build-ImageHere
} else {
    Build-ImageInRegistry
}

az storage blob upload-batch --auth-mode login --account-name $env:DATA_ACCOUNT_NAME `
    --destination styles --source styles --pattern '*.safetensors' --overwrite --output none
Assert-Success 'az storage blob upload-batch'

az deployment group create --resource-group $env:AZURE_RESOURCE_GROUP --name workbook `
    --template-file infra/workbook.json --output none --parameters "insightsId=$env:INSIGHTS_ID"
Assert-Success 'az deployment group create'
