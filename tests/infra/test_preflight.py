"""The preflight: what it lets pass, and each thing that it knows to go wrong."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.infra.compiler import INFRA, SUBSCRIPTION

type Preflight = Callable[..., subprocess.CompletedProcess[str]]

HOOK = INFRA / "hooks" / "preprovision.sh"
ENVIRONMENT = {
    "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
    "AZURE_LOCATION": "westeurope",
    "AZURE_ENV_NAME": "atelier",
}
NAMESPACES = (
    "Authorization ContainerRegistry EventGrid Insights KeyVault MachineLearningServices "
    "ManagedIdentity OperationalInsights Storage Web"
)
PROVIDERS = [f"Microsoft.{name}" for name in NAMESPACES.split(" ")]
FAMILY = {"value": "standardNCASv3_T4Family", "localizedValue": "Standard NCASv3_T4 Family"}
HEALTHY: dict[str, Any] = {
    "account show": {"state": "Enabled", "id": SUBSCRIPTION},
    "provider list": PROVIDERS,
    "functionapp list-flexconsumption-locations": ["West Europe", "norwayeast"],
    "rest usages": {"value": [{"name": FAMILY, "limit": 24}]},
    "rest deletedWorkspaces": {"value": []},
    "keyvault list-deleted": [],
}
VAULT = {
    "name": "kv-abc",
    "properties": {"location": "westeurope", "tags": {"azd-env-name": "atelier"}},
}
WORKSPACE = {
    "name": "mlw-abc",
    "id": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-atelier/providers"
    "/Microsoft.MachineLearningServices/workspaces/mlw-abc",
}

FAKE_AZ = """#!{python}
import json, sys
words = " ".join(sys.argv[1:3])
if words == "rest --method":
    words = "rest " + sys.argv[sys.argv.index("--url") + 1].partition("?")[0].rpartition("/")[2]
if "--subscription {subscription}" not in " ".join(sys.argv):
    sys.exit("another subscription than azd's")
answer = json.load(open({answers!r})).get(words)
if answer is None:
    sys.exit("ERROR: " + words + " may not be asked")
print(json.dumps(answer))
"""


@pytest.fixture
def preflight(tmp_path: Path) -> Preflight:
    """Run the hook in an environment, with what Azure answers changed from what it should be."""

    def run(
        answers: dict[str, Any] | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        known = tmp_path / "answers.json"
        known.write_text(json.dumps(HEALTHY | (answers or {})))
        az = tmp_path / "az"
        az.write_text(
            FAKE_AZ.format(python=sys.executable, subscription=SUBSCRIPTION, answers=str(known))
        )
        az.chmod(0o755)
        path = f"{tmp_path}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        return subprocess.run(
            [HOOK],
            env=ENVIRONMENT | environment | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_a_sound_environment_passes(preflight: Preflight):
    done = preflight()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "preflight: nothing stands in the way\n"


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("PRIVATE_NETWORK", "yes", "PRIVATE_NETWORK is 'yes': it must be true or false"),
        ("DURABLE_TASK_SCHEDULER", "True", "it must be true or false"),
        ("BUDGET_PER_MONTH", "99.50", "BUDGET_PER_MONTH is '99.50': it must be a whole number"),
        ("NODES_MAX", "many", "it must be a whole number"),
        ("NODES_MIN", "5", "NODES_MIN is 5, above NODES_MAX, 4"),
        ("GPU_SKU", "Standard_NC6", "GPU_SKU is Standard_NC6: it must be one of Standard_NC4as"),
        ("TIER", "spot", "TIER is 'spot': it must be Dedicated or LowPriority"),
        ("CLIENT_ADDRESSES", "203.0.113.7, home", "holds 'home', which is no IPv4 address"),
        ("CLIENT_ADDRESSES", "10.0.0.1/24", "holds '10.0.0.1/24'"),
        ("MAX_COST_PER_JOB", "5 dollars", "MAX_COST_PER_JOB is '5 dollars': it must be a number"),
        ("BUDGET_START", "2026-02-14", "it must be the first day of a month"),
        ("SIGN_IN_CLIENT_ID", "atelier", "SIGN_IN_CLIENT_ID is 'atelier': it must be a GUID"),
        ("API_KEYS", "false", "API_KEYS is false without SIGN_IN_CLIENT_ID"),
        ("KUBERNETES_CLUSTER_ID", "painters", "is not the resource id of an AKS cluster"),
    ],
)
def test_a_value_that_the_templates_would_not_take_is_refused(
    variable: str, value: str, sentence: str, preflight: Preflight
):
    done = preflight(**{variable: value})
    assert done.returncode == 1
    assert sentence in done.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PRIVATE_NETWORK", "false"),
        ("GPU_SKU", "standard_nc4as_t4_v3"),
        ("CLIENT_ADDRESSES", "203.0.113.7, 198.51.100.0/24"),
        ("BUDGET_START", "2026-02-01"),
        ("MAX_COST_PER_DAY", "12.50"),
    ],
)
def test_a_value_that_they_would_take_passes(variable: str, value: str, preflight: Preflight):
    done = preflight(**{variable: value})
    assert done.returncode == 0, done.stderr


FREE = {"account show": {"state": "Enabled", "subscriptionPolicies": {"quotaId": "FreeTrial_1"}}}


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ({"account show": None}, "the Azure CLI cannot see azd's subscription"),
        ({"account show": {"state": "Disabled"}}, "the subscription is Disabled"),
        (FREE, "azd env set BUILD_WITH_DOCKER true"),
        ({"provider list": PROVIDERS[1:]}, "az provider register --namespace Microsoft.Auth"),
        ({"functionapp list-flexconsumption-locations": ["norwayeast"]}, "no Flex Consumption"),
        ({"rest usages": {"value": [{"name": FAMILY, "limit": 0}]}}, "is 0 cores, and one node"),
        ({"keyvault list-deleted": [VAULT]}, "az keyvault recover --name kv-abc"),
        ({"rest deletedWorkspaces": {"value": [WORKSPACE]}}, "the workspace mlw-abc of an earlier"),
    ],
)
def test_what_azure_would_refuse_is_said_before(
    answers: dict[str, Any], sentence: str, preflight: Preflight
):
    done = preflight(answers)
    assert done.returncode == 1
    assert sentence in done.stderr


def test_a_private_network_needs_another_provider(preflight: Preflight):
    assert "--namespace Microsoft.App`" in preflight(PRIVATE_NETWORK="true").stderr
    known = {"provider list": [*PROVIDERS, "Microsoft.App", "Microsoft.Network"]}
    assert preflight(known, PRIVATE_NETWORK="true").returncode == 0


@pytest.mark.parametrize(
    ("answers", "environment", "note"),
    [
        ({"rest usages": {"value": [{"name": FAMILY, "limit": 8}]}}, {}, "nodes have 16"),
        ({"rest usages": {"value": []}}, {}, "no quota is listed"),
        ({"keyvault list-deleted": None}, {}, "not looked at: `az keyvault list-deleted` said"),
        ({"rest deletedWorkspaces": None}, {}, "rest deletedWorkspaces may not be asked"),
        (
            {"rest usages": {"value": [{"name": "standardNVADSA10v5Family", "limit": 999}]}},
            {"GPU_SKU": "Standard_NV36ads_A10_v5"},
            "has a virtual GPU",
        ),
        (FREE, {"BUILD_WITH_DOCKER": "true"}, ""),
    ],
)
def test_what_may_be_in_the_way_is_noted(
    answers: dict[str, Any], environment: dict[str, str], note: str, preflight: Preflight
):
    done = preflight(answers, **environment)
    assert done.returncode == 0, done.stderr
    assert note in done.stdout


def test_what_was_deleted_of_others_is_in_nobodys_way(preflight: Preflight):
    other = VAULT | {"properties": {"tags": {"azd-env-name": "other"}}}
    assert preflight({"keyvault list-deleted": [other]}).returncode == 0
    elsewhere = WORKSPACE | {"id": WORKSPACE["id"].replace("rg-atelier", "rg-atelier-2")}
    assert preflight({"rest deletedWorkspaces": {"value": [elsewhere]}}).returncode == 0
