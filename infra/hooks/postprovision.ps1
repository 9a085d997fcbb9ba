# Builds the worker's image, unless this version is there, uploads the shipped styles, and brings
# the operator's workbook up to date, a template as the portal gives it back after an edit.
# Reads: AZURE_SUBSCRIPTION_ID, REGISTRY_NAME, WORKER_IMAGE, DATA_ACCOUNT_NAME, PRIVATE_NETWORK,
# AZURE_RESOURCE_GROUP, INSIGHTS_ID, KUBERNETES_CLUSTER_ID, INSTANCE_TYPE, NODE_CPUS,
# NODE_MEMORY_GIB, NODE_GPUS, and if set BASE_DIGEST, WORKER_CUDA, TORCH_INDEX, BUILD_WITH_DOCKER.

$ErrorActionPreference = 'Stop'
Set-Location (Join-Path $PSScriptRoot '../..')
$cuda = if ($env:WORKER_CUDA) { $env:WORKER_CUDA } else { '13.1' }
$repository, $tag = $env:WORKER_IMAGE -split ':'

function Assert-Success([string] $step) {
    if ($LASTEXITCODE -ne 0) { throw "$step failed" }
}

# The subscription that the CLI is set to may be another than azd's.
function Invoke-Azure {
    az @args --subscription $env:AZURE_SUBSCRIPTION_ID
}

# By lists, for which an image that is not there yet is no error.
function Get-Tags {
    $repositories = Invoke-Azure acr repository list --name $env:REGISTRY_NAME --output tsv
    Assert-Success 'az acr repository list'
    if ($repositories -contains $repository) {
        Invoke-Azure acr repository show-tags --name $env:REGISTRY_NAME `
            --repository $repository --output tsv
        Assert-Success 'az acr repository show-tags'
    }
}

# Installing PyTorch and CUDA takes the registry's builders longer than their usual hour at worst.
function Build-ImageInRegistry {
    Invoke-Azure acr build --registry $env:REGISTRY_NAME --image $env:WORKER_IMAGE --timeout 7200 `
        --build-arg "BASE_DIGEST=$env:BASE_DIGEST" --build-arg "CUDA=$cuda" `
        --build-arg "TORCH_INDEX=$env:TORCH_INDEX" gpu_worker
    Assert-Success 'az acr build'
}

# The registry's own builders are outside the private network, and are not for free credit.
function Build-ImageHere {
    $image = "$env:REGISTRY_NAME.azurecr.io/$env:WORKER_IMAGE"
    Invoke-Azure acr login --name $env:REGISTRY_NAME
    Assert-Success 'az acr login'
    docker build --tag $image --build-arg "BASE_DIGEST=$env:BASE_DIGEST" `
        --build-arg "CUDA=$cuda" --build-arg "TORCH_INDEX=$env:TORCH_INDEX" gpu_worker
    Assert-Success 'docker build'
    docker push $image
    Assert-Success 'docker push'
}

function Send-Styles {
    Invoke-Azure storage blob upload-batch --auth-mode login `
        --account-name $env:DATA_ACCOUNT_NAME --destination styles --source styles `
        --pattern '*.safetensors' --overwrite --output none
}

# The AKS cluster is told what a job asks of a node: /subscriptions/{2}/resourceGroups/{4}/.../{8}.
function Set-InstanceType {
    $cluster = $env:KUBERNETES_CLUSTER_ID -split '/'
    $file = Join-Path ([IO.Path]::GetTempPath()) 'instance-type.yaml'
    (Get-Content infra/hooks/instance-type.yaml -Raw) `
        -replace 'INSTANCE_TYPE', $env:INSTANCE_TYPE -replace 'NODE_CPUS', $env:NODE_CPUS `
        -replace 'NODE_MEMORY_GIB', $env:NODE_MEMORY_GIB -replace 'NODE_GPUS', $env:NODE_GPUS |
        Set-Content $file
    az aks command invoke `
        --subscription $cluster[2] --resource-group $cluster[4] --name $cluster[8] `
        --command 'kubectl apply --filename instance-type.yaml' --file $file
    Assert-Success 'az aks command invoke'
    Remove-Item $file
}

if ((Get-Tags) -contains $tag) {
    Write-Output "$env:WORKER_IMAGE is in the registry already: set WORKER_VERSION for a new one"
} elseif ($env:PRIVATE_NETWORK -eq 'true' -or $env:BUILD_WITH_DOCKER -eq 'true') {
    Build-ImageHere
} else {
    Build-ImageInRegistry
}

Send-Styles
foreach ($wait in 15, 30, 60, 120) {
    if ($LASTEXITCODE -eq 0) { break }
    Write-Output "trying again in $wait s: a new role may take minutes to hold"
    Start-Sleep -Seconds $wait
    Send-Styles
}
Assert-Success 'az storage blob upload-batch'

if ($env:KUBERNETES_CLUSTER_ID) { Set-InstanceType }

Invoke-Azure deployment group create --resource-group $env:AZURE_RESOURCE_GROUP --name workbook `
    --template-file infra/workbook.json --output none --parameters "insightsId=$env:INSIGHTS_ID"
Assert-Success 'az deployment group create'
