"""What a reviewer looks for first: the settings that keep others out, on every such resource."""

from typing import Any

import pytest

from tests.infra.bicep import Declaration, infra, infra_file, resources

SAFE: dict[str, dict[str, Any]] = {
    "Microsoft.ContainerRegistry/registries": {
        "properties.adminUserEnabled": False,
        "properties.anonymousPullEnabled": False,
    },
    "Microsoft.Insights/components": {"properties.DisableLocalAuth": True},
    "Microsoft.KeyVault/vaults": {
        "properties.enablePurgeProtection": True,
        "properties.enableRbacAuthorization": True,
        "properties.enableSoftDelete": True,
        "properties.networkAcls.defaultAction": "privateNetwork ? 'Deny' : 'Allow'",
        "properties.publicNetworkAccess": "privateNetwork ? 'Disabled' : 'Enabled'",
    },
    "Microsoft.MachineLearningServices/workspaces": {
        "identity.type": "UserAssigned",
        "properties.publicNetworkAccess": "privateNetwork ? 'Disabled' : 'Enabled'",
        "properties.systemDatastoresAuthMode": "Identity",
    },
    "Microsoft.MachineLearningServices/workspaces/computes": {
        "identity.type": "UserAssigned",
        "properties.disableLocalAuth": True,
    },
    "Microsoft.MachineLearningServices/workspaces/datastores": {
        "properties.credentials": {"credentialsType": "None"},
    },
    "Microsoft.OperationalInsights/workspaces": {"properties.features.disableLocalAuth": True},
    "Microsoft.Storage/storageAccounts": {
        "properties.allowBlobPublicAccess": False,
        "properties.allowCrossTenantReplication": False,
        "properties.allowSharedKeyAccess": False,
        "properties.isLocalUserEnabled": False,
        "properties.minimumTlsVersion": "TLS1_2",
        "properties.networkAcls.defaultAction": "reachableFrom == 'anywhere' ? 'Allow' : 'Deny'",
        "properties.publicNetworkAccess": "reachableFrom == 'endpoints' ? 'Disabled' : 'Enabled'",
        "properties.supportsHttpsTrafficOnly": True,
    },
    "Microsoft.Storage/storageAccounts/blobServices": {
        "properties.deleteRetentionPolicy.enabled": True,
        "properties.containerDeleteRetentionPolicy.enabled": True,
    },
    "Microsoft.Storage/storageAccounts/blobServices/containers": {
        "properties.publicAccess": "None",
    },
    "Microsoft.Web/sites": {
        "identity.type": "UserAssigned",
        "properties.httpsOnly": True,
        "properties.siteConfig.ftpsState": "Disabled",
        "properties.siteConfig.minTlsVersion": "1.2",
        "properties.siteConfig.remoteDebuggingEnabled": False,
    },
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": {"properties.allow": False},
}

CLOSING = {"privateNetwork", "reachableFrom"}
"""The parameters that close a service to the public network."""

CREATED = [resource for file in infra() for resource in resources(file)]


def test_every_type_in_the_table_is_created():
    assert SAFE.keys() <= {resource.type for resource in CREATED}


@pytest.mark.parametrize(
    ("resource", "setting", "safe"),
    [
        pytest.param(resource, *setting, id=f"{resource.path.stem}-{resource.name}-{setting[0]}")
        for resource in CREATED
        for setting in SAFE.get(resource.type, {}).items()
    ],
)
def test_setting_is_safe(resource: Declaration, setting: str, safe: Any):
    assert _at(resource.value, setting) == safe


def test_nodes_cannot_be_logged_into():
    cluster = _resource("gpu-cluster.bicep", "cluster")["properties"]["properties"]
    assert cluster["remoteLoginPortPublicAccess"] == "Disabled"
    assert cluster["enableNodePublicIp"] == "empty(subnetId)"


def test_no_subnet_has_a_way_out_of_its_own():
    subnets = _resource("network.bicep", "network")["properties"]["subnets"]
    assert subnets
    assert not any(subnet["properties"]["defaultOutboundAccess"] for subnet in subnets)


def test_private_network_has_an_endpoint_for_every_service_that_it_closes():
    modules = infra_file("main.bicep").all("module")
    params = {name: module.value["params"] for name, module in modules.items()}
    closing = {name: CLOSING & given.keys() for name, given in params.items()}
    closed = {name for name, keys in closing.items() if keys}
    for name in closed:
        assert all(params[name][key].startswith("privateNetwork") for key in closing[name]), name
    served = {endpoint["serviceId"] for endpoint in params["endpoints"]["endpoints"]}
    assert served == {f"{name}.outputs.id" for name in closed}


def test_nothing_is_paid_for_by_the_hour_unless_asked_for():
    params = infra_file("main.bicep").all("param")
    idle = ("nodesMin", "privateNetwork", "durableTaskScheduler")
    assert not any(params[name].value for name in idle)


def _resource(file: str, name: str) -> dict[str, Any]:
    return infra_file(file).all("resource")[name].value


def _at(value: Any, path: str) -> Any:
    for part in path.split("."):
        value = value[part]
    return value
