"""What a reviewer looks for first: the settings that keep others out, on every such resource."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.infra.compiler import INFRA, TENANT, Compiled, Compiler, Deployment
from tests.infra.conftest import APPLICATION

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
    },
    "Microsoft.MachineLearningServices/workspaces": {
        "identity.type": "UserAssigned",
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
        "properties.siteConfig.minTlsVersion": "1.2",
        "properties.siteConfig.remoteDebuggingEnabled": False,
    },
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": {"properties.allow": False},
}

CLOSED = {
    "Microsoft.ContainerRegistry/registries": "properties.networkRuleSet.defaultAction",
    "Microsoft.KeyVault/vaults": "properties.networkAcls.defaultAction",
    "Microsoft.Storage/storageAccounts": "properties.networkAcls.defaultAction",
}
"""What a private network denies by default, and where that is said."""

CLIENTS = ["203.0.113.7", "198.51.100.0/24"]
"""Those of the variant `private`."""


@pytest.mark.parametrize("kind", SAFE)
def test_settings_are_safe(kind: str, variant: Deployment):
    resources = variant.of(kind)
    assert resources
    for resource in resources:
        for setting, safe in SAFE[kind].items():
            assert _at(resource, setting) == safe, f"{resource['name']}: {setting}"


def test_nodes_cannot_be_logged_into(deployed: Callable[[str], Deployment]):
    kind = "Microsoft.MachineLearningServices/workspaces/computes"
    for variant, public in (("default", True), ("private", False)):
        cluster = deployed(variant).one(kind)["properties"]["properties"]
        assert cluster["remoteLoginPortPublicAccess"] == "Disabled"
        assert cluster["enableNodePublicIp"] is public
        assert (cluster["subnet"] is None) is public


def test_no_subnet_has_a_way_out_of_its_own(deployed: Callable[[str], Deployment]):
    network = deployed("private").one("Microsoft.Network/virtualNetworks")
    subnets = network["properties"]["subnets"]
    assert len(subnets) == 3
    assert not any(subnet["properties"]["defaultOutboundAccess"] for subnet in subnets)


@pytest.mark.parametrize("kind", CLOSED)
def test_private_network_denies_by_default(kind: str, deployed: Callable[[str], Deployment]):
    for resource in deployed("private").of(kind):
        assert _at(resource, CLOSED[kind]) == "Deny", resource["name"]


def test_private_network_has_an_endpoint_for_every_service_that_it_closes(
    deployed: Callable[[str], Deployment],
):
    private = deployed("private")
    kinds = [*CLOSED, "Microsoft.MachineLearningServices/workspaces"]
    closed = {each["id"] for kind in kinds for each in private.of(kind)}
    served = {
        connection["properties"]["privateLinkServiceId"]
        for each in private.of("Microsoft.Network/privateEndpoints")
        for connection in each["properties"]["privateLinkServiceConnections"]
    }
    assert served == closed


def test_clients_alone_reach_a_private_network(deployed: Callable[[str], Deployment]):
    private = deployed("private")
    registry = private.one("Microsoft.ContainerRegistry/registries")["properties"]
    assert [rule["value"] for rule in registry["networkRuleSet"]["ipRules"]] == CLIENTS
    for account in private.of("Microsoft.Storage/storageAccounts"):
        rules = [rule["value"] for rule in account["properties"]["networkAcls"]["ipRules"]]
        reachable = account["properties"]["publicNetworkAccess"] == "Enabled"
        assert rules == (CLIENTS if reachable else [])
        assert reachable is account["name"].startswith("stdata")


SIGN_IN = "Microsoft.Web/sites/config"


def test_nobody_gets_past_the_sign_in_but_event_grid(
    deployed: Callable[[str], Deployment], compiler: Compiler
):
    found = deployed("signin").one(SIGN_IN)
    assert found["name"].endswith("/authsettingsV2")
    checks = found["properties"]["globalValidation"]
    assert found["properties"]["platform"]["enabled"]
    assert checks["requireAuthentication"]
    assert checks["unauthenticatedClientAction"] == "RedirectToLoginPage"
    names = {"functionAppName": "func-a", "topicName": "topic", "jobsAccountName": "jobs"}
    events = compiler.deploy(names, INFRA / "events.bicep").resources
    (webhook,) = checks["excludedPaths"]
    for each in events:
        url = each["properties"]["destination"]["properties"]["endpointUrl"]
        assert webhook.removeprefix("/") in url


def test_people_of_one_tenant_sign_in_without_a_secret(
    deployed: Callable[[str], Deployment], deploy: Callable[..., Deployment]
):
    elsewhere = deploy(signInClientId=APPLICATION, signInTenantId="another")
    for found, tenant in ((deployed("signin"), TENANT), (elsewhere, "another")):
        entra = found.one(SIGN_IN)["properties"]["identityProviders"]["azureActiveDirectory"]
        where = "environment().authentication.loginEndpoint"  # of the cloud, known there alone
        issuer = f"[format('{{0}}{{1}}/v2.0', {where}, '{tenant}')]"
        assert entra["registration"] == {"clientId": APPLICATION, "openIdIssuer": issuer}
        assert entra["validation"]["allowedAudiences"] == [APPLICATION, f"api://{APPLICATION}"]


def test_keys_are_asked_for_unless_people_sign_in(
    deployed: Callable[[str], Deployment], deploy: Callable[..., Deployment], default: Deployment
):
    both = deploy(signInClientId=APPLICATION)
    assert not default.of(SIGN_IN)
    for found in (default, both):
        assert "HTTP_AUTH_LEVEL" not in found.app_settings
    assert deployed("signin").app_settings["HTTP_AUTH_LEVEL"] == "anonymous"
    with pytest.raises(AssertionError, match="apiKeys is false without sign-in"):
        deploy(apiKeys=False)


def test_nothing_is_closed_without_a_private_network(default: Deployment):
    assert not default.of("Microsoft.Network/privateEndpoints")
    for account in default.of("Microsoft.Storage/storageAccounts"):
        assert account["properties"]["networkAcls"]["defaultAction"] == "Allow"


def test_nothing_is_paid_for_by_the_hour_unless_asked_for(main: Compiled):
    params = main.template["parameters"]
    idle = ("nodesMin", "privateNetwork", "durableTaskScheduler")
    assert not any(params[name]["defaultValue"] for name in idle)


def _at(value: Any, path: str) -> Any:
    for part in path.split("."):
        value = value[part]
    return value
