"""What the parameters of main.bicep change, and what they refuse."""

import json
from collections.abc import Callable

import pytest

from function_app.gpus import NODES
from function_app.settings import Settings
from tests.infra.compiler import INFRA, Deployment

type Deploy = Callable[..., Deployment]

COMPUTE = "Microsoft.MachineLearningServices/workspaces/computes"
SITE = "Microsoft.Web/sites"
SOME = ("Standard_NC4as_T4_v3", "Standard_NC64as_T4_v3", "Standard_ND96isr_H100_v5")


def test_a_region_may_be_spelled_in_two_ways(deploy: Deploy, default: Deployment):
    assert deploy(location="West Europe").one(SITE)["name"] == default.one(SITE)["name"]


def test_the_case_of_a_sku_does_not_matter(deploy: Deploy):
    found = deploy(gpuSku="standard_NC4AS_t4_v3")
    assert found.app_settings["AML_SKU"] == "Standard_NC4as_T4_v3"
    assert found.one(COMPUTE)["properties"]["properties"]["vmSize"] == "Standard_NC4as_T4_v3"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"gpuSku": "Standard_D2"}, "gpuSku is none of those in function_app/gpus.json"),
        ({"nodesMin": 3, "nodesMax": 2}, "nodesMin is above nodesMax"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    given: dict[str, object], sentence: str, deploy: Deploy
):
    with pytest.raises(AssertionError, match=sentence):
        deploy(**given)


@pytest.mark.parametrize(
    ("location", "tag"),
    [
        ("westeurope", "westeurope"),
        ("Norway East", "norwaye"),
        ("francecentral", "centralfrance"),
    ],
)
def test_nodes_reach_their_region_by_the_name_of_its_service_tags(
    location: str, tag: str, deploy: Deploy
):
    groups = deploy(privateNetwork=True, location=location).of(
        "Microsoft.Network/networkSecurityGroups"
    )
    nodes = next(group for group in groups if "properties" in group)
    rules = nodes["properties"]["securityRules"]
    reached = {rule["properties"]["destinationAddressPrefix"] for rule in rules}
    assert {f"BatchNodeManagement.{tag}", f"Storage.{tag}"} <= reached


def test_a_budget_begins_in_this_month_and_keeps_its_beginning(deploy: Deploy):
    first = deploy(budgetPerMonth=10)
    since = first.outputs["BUDGET_START"]
    assert since == "[utcNow('yyyy-MM-01')]"  # only the resource manager knows what day it is
    again = deploy(budgetPerMonth=10, budgetStart="2025-02-01")
    assert again.outputs["BUDGET_START"] == "2025-02-01"
    period = again.one("Microsoft.Consumption/budgets")["properties"]["timePeriod"]
    assert period["startDate"] == "2025-02-01"


def test_no_budget_begins_never(default: Deployment):
    assert default.outputs["BUDGET_START"] == ""
    assert not default.of("Microsoft.Consumption/budgets")


def test_a_cluster_is_attached_once(
    deployed: Callable[[str], Deployment], deploy: Deploy, default: Deployment
):
    first = deployed("kubernetes")
    cluster = first.one(COMPUTE)["properties"]
    assert cluster["computeType"] == "Kubernetes"
    assert cluster["properties"]["defaultInstanceType"] == first.app_settings["AML_INSTANCE_TYPE"]
    given = {
        "kubernetesClusterId": first.outputs["KUBERNETES_CLUSTER_ID"],
        "kubernetesAttached": first.outputs["KUBERNETES_ATTACHED"],
    }
    assert deploy(**given).of(COMPUTE) == []
    assert default.outputs["KUBERNETES_ATTACHED"] is False


@pytest.mark.parametrize("sku", SOME)
def test_a_pod_leaves_room_for_what_its_node_runs_besides(sku: str, deploy: Deploy):
    outputs = deploy(gpuSku=sku).outputs
    assert outputs["NODE_GPUS"] == NODES[sku].gpus
    assert 0 < outputs["NODE_CPUS"] < NODES[sku].vcpus
    assert 0 < outputs["NODE_MEMORY_GIB"] <= NODES[sku].memory_gib * 0.75


HOST_AND_APP_MIB = 640
"""Of an instance's memory: after 40 jobs the app had 165 MB and the Functions host (4.1037) 267;
the rest is to spare."""


def test_activities_at_once_fit_into_an_instance(default: Deployment):
    host = json.loads((INFRA.parent / "host.json").read_text())
    at_once = host["extensions"]["durableTask"]["maxConcurrentActivityFunctions"]
    child = Settings.read(default.app_settings).child_memory_mib
    site = default.one(SITE)["properties"]["functionAppConfig"]["scaleAndConcurrency"]
    assert at_once * child + HOST_AND_APP_MIB <= site["instanceMemoryMB"]


def test_no_instance_is_always_ready_unless_asked_for(deploy: Deploy, default: Deployment):
    def ready(found: Deployment) -> list[dict[str, object]]:
        scale = found.one(SITE)["properties"]["functionAppConfig"]["scaleAndConcurrency"]
        return scale["alwaysReady"]

    assert ready(default) == []
    assert ready(deploy(alwaysReady=1)) == [{"name": "durable", "instanceCount": 1}]


def test_a_name_as_long_as_azd_allows_is_taken(deploy: Deploy):
    found = deploy(name="a" * 64)
    names = [each["name"] for each in found.of("Microsoft.Storage/storageAccounts")]
    assert all(len(name) <= 24 for name in names)
    assert "a" * 64 in json.dumps(found.of("Microsoft.Resources/resourceGroups"))
