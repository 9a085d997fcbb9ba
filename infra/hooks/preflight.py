"""Before anything is provisioned: would the templates refuse this environment, or Azure it?

Run by azd before `azd provision` (preprovision.sh, preprovision.ps1), with azd's environment. Asks
the Azure CLI only what costs nothing and changes nothing; standard library only, for it runs with
whatever Python there is. Exit status 1: something would go wrong; what to do about it is said.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from function_app.gpus import NODES, quota_family  # noqa: E402 - its folder is known only now

INFRA = ROOT / "infra"
MANAGEMENT = "https://management.azure.com"
USAGES = "2025-12-01"
DELETED = "2024-10-01"
MINUTES_S = 120.0

ALWAYS = """
    Microsoft.Authorization Microsoft.ContainerRegistry Microsoft.EventGrid Microsoft.Insights
    Microsoft.KeyVault Microsoft.MachineLearningServices Microsoft.ManagedIdentity
    Microsoft.OperationalInsights Microsoft.Storage Microsoft.Web
"""
SOMETIMES = {
    "PRIVATE_NETWORK": "Microsoft.App Microsoft.Network",
    "DURABLE_TASK_SCHEDULER": "Microsoft.DurableTask",
    "KUBERNETES_CLUSTER_ID": "Microsoft.ContainerService Microsoft.KubernetesConfiguration",
    "BUDGET_PER_MONTH": "Microsoft.Consumption",
}
"""Resource providers by the setting without which they are not needed."""

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
VGPU = re.compile(r"_A10_v5$")

type Environment = Mapping[str, str]
type Ask = Callable[..., Any]


class CannotAskError(Exception):
    """The Azure CLI did not answer; the message is what it said."""


class Findings:
    """What would go wrong, and what may."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.wrong: list[str] = []
        self.notes: list[str] = []


def main(environment: Environment = os.environ) -> int:
    """Print what was found; return the exit status."""
    found = Findings()
    found.wrong += [*bad_values(environment), *bad_combinations(environment)]
    if not found.wrong:
        ask_azure(environment, found)
    for sentence in found.notes:
        print(f"note:  {sentence}")
    for sentence in found.wrong:
        print(f"wrong: {sentence}", file=sys.stderr)
    if not found.wrong:
        print("preflight: nothing stands in the way")
    return 1 if found.wrong else 0


# The environment, which azd reads leniently: what is no number or bool to it, it leaves out in
# silence, and the default of the template is deployed.


def bad_values(environment: Environment) -> Iterator[str]:
    """Yield a sentence for each value that is not of its parameter's type."""
    kinds = _kinds()
    for variable, parameter in _variables().items():
        value = environment.get(variable, "")
        if value and kinds[parameter] == "bool" and value not in {"true", "false"}:
            yield f"{variable} is {value!r}: it must be true or false"
        if value and kinds[parameter] == "int" and not re.fullmatch(r"\d+", value):
            yield f"{variable} is {value!r}: it must be a whole number"


def bad_combinations(environment: Environment) -> Iterator[str]:
    """Yield a sentence for each value that the templates or Azure would refuse."""
    sku = environment.get("GPU_SKU", "")
    if sku and sku.lower() not in {each.lower() for each in NODES}:
        yield f"GPU_SKU is {sku}: it must be one of {', '.join(NODES)}"
    if (tier := environment.get("TIER", "")) and tier not in {"Dedicated", "LowPriority"}:
        yield f"TIER is {tier!r}: it must be Dedicated or LowPriority"
    for address in filter(None, map(str.strip, environment.get("CLIENT_ADDRESSES", "").split(","))):
        if not _is_range(address):
            yield f"CLIENT_ADDRESSES holds {address!r}, which is no IPv4 address or range"
    for variable in ("MAX_COST_PER_JOB", "MAX_COST_PER_DAY", "NODE_PRICE_PER_HOUR"):
        if (price := environment.get(variable, "")) and not re.fullmatch(r"\d+(\.\d+)?", price):
            yield f"{variable} is {price!r}: it must be a number"
    since = environment.get("BUDGET_START", "")
    if since and not re.fullmatch(r"\d{4}-\d{2}-01", since):
        yield f"BUDGET_START is {since!r}: it must be the first day of a month, as 2026-01-01"
    least, most = environment.get("NODES_MIN") or "0", environment.get("NODES_MAX") or "4"
    if least.isdigit() and most.isdigit() and int(least) > int(most):
        yield f"NODES_MIN is {least}, above NODES_MAX, {most}"
    cluster = environment.get("KUBERNETES_CLUSTER_ID", "")
    path = r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.ContainerService"
    if cluster and not re.fullmatch(rf"{path}/managedClusters/[^/]+", cluster, re.IGNORECASE):
        yield "KUBERNETES_CLUSTER_ID is not the resource id of an AKS cluster"
    for variable in ("SIGN_IN_CLIENT_ID", "SIGN_IN_TENANT_ID"):
        if (given := environment.get(variable, "")) and not GUID.fullmatch(given):
            yield f"{variable} is {given!r}: it must be a GUID"
    if environment.get("API_KEYS") == "false" and not environment.get("SIGN_IN_CLIENT_ID"):
        yield "API_KEYS is false without SIGN_IN_CLIENT_ID: the API would be everybody's"


def _is_range(text: str) -> bool:
    try:
        return bool(ipaddress.IPv4Network(text))
    except ValueError:
        return False


def _variables() -> dict[str, str]:
    """Return the parameter of main.bicep that each variable of azd stands for."""
    text = (INFRA / "main.parameters.json").read_text()
    return {name: own for own, name in re.findall(r'"(\w+)": \{ "value": "\$\{(\w+)', text)}


def _kinds() -> dict[str, str]:
    """Return the type of each parameter of main.bicep."""
    return dict(re.findall(r"^param (\w+) (\w+)", (INFRA / "main.bicep").read_text(), re.MULTILINE))


# Azure


def ask_azure(environment: Environment, found: Findings) -> None:
    """Look whether Azure would let this be deployed; what it does not tell is noted."""
    ask = _asking(environment.get("AZURE_SUBSCRIPTION_ID", ""))
    try:
        account = ask("account", "show")
    except CannotAskError as error:
        found.wrong.append(f"the Azure CLI cannot see azd's subscription: {error}: run `az login`")
        return
    _look_at_subscription(account, environment, found)
    looks = (_look_at_providers, _look_at_region, _look_at_quota, _look_at_vaults)
    for look in (*looks, _look_at_workspaces):
        try:
            look(ask, environment, found)
        except CannotAskError as error:
            found.notes.append(f"not looked at: {error}")


def _look_at_subscription(account: Any, environment: Environment, found: Findings) -> None:
    if account.get("state", "Enabled") != "Enabled":
        found.wrong.append(f"the subscription is {account['state']}: enable it in the portal")
    free = "FreeTrial" in str(account.get("subscriptionPolicies", account).get("quotaId", ""))
    if free and environment.get("BUILD_WITH_DOCKER") != "true":
        found.wrong.append(
            "registries build no images on free credit: "
            "`azd env set BUILD_WITH_DOCKER true`, with Docker on this machine"
        )


def _look_at_providers(ask: Ask, environment: Environment, found: Findings) -> None:
    needed = set(ALWAYS.split())
    for variable, names in SOMETIMES.items():
        if environment.get(variable, "") not in {"", "false", "0"}:
            needed |= set(names.split())
    listed = ask("provider", "list", "--query", "[?registrationState=='Registered'].namespace")
    for name in sorted(needed - set(listed)):
        found.wrong.append(f"{name} is not registered: `az provider register --namespace {name}`")


def _look_at_region(ask: Ask, environment: Environment, found: Findings) -> None:
    region = _squeezed(environment.get("AZURE_LOCATION", ""))
    offered = ask("functionapp", "list-flexconsumption-locations", "--query", "[].name")
    if region not in {_squeezed(name) for name in offered}:
        found.wrong.append(
            f"{region} has no Flex Consumption: `azd env set AZURE_LOCATION` to one of "
            f"{', '.join(sorted(offered))}"
        )


def _look_at_quota(ask: Ask, environment: Environment, found: Findings) -> None:
    if environment.get("KUBERNETES_CLUSTER_ID"):
        return
    wanted = (environment.get("GPU_SKU") or next(iter(NODES))).lower()
    sku = next(name for name in NODES if name.lower() == wanted)
    tier = environment.get("TIER") or "Dedicated"
    if VGPU.search(sku):
        found.notes.append(
            f"{sku} has a virtual GPU, whose driver (GRID) is another than CUDA's own: "
            "have `python -m function_app.doctor` and a short video tell before a long one"
        )
    region = _squeezed(environment.get("AZURE_LOCATION", ""))
    subscription = environment.get("AZURE_SUBSCRIPTION_ID", "")
    where = f"providers/Microsoft.MachineLearningServices/locations/{region}/usages"
    url = f"{MANAGEMENT}/subscriptions/{subscription}/{where}?api-version={USAGES}"
    usages = ask("rest", "--method", "get", "--url", url)["value"]
    needed = NODES[sku].vcpus * int(environment.get("NODES_MAX") or 4)
    family = quota_family(sku, tier == "LowPriority")
    limits = [each["limit"] for each in usages if family.search(json.dumps(each["name"]))]
    if not limits:
        found.notes.append(f"no quota is listed for {sku} in {region}")
    elif max(limits) < NODES[sku].vcpus:
        found.wrong.append(
            f"the quota for {sku} in {region} is {max(limits)} cores, and one node has "
            f"{NODES[sku].vcpus}: ask for more in Azure Machine Learning Studio, under Quota"
        )
    elif max(limits) < needed:
        found.notes.append(
            f"the quota for {sku} is {max(limits)} cores, and NODES_MAX nodes have {needed}"
        )


def _look_at_vaults(ask: Ask, environment: Environment, found: Findings) -> None:
    """A vault that was deleted keeps its name for 90 days, and cannot be purged."""
    name = environment.get("AZURE_ENV_NAME", "")
    for vault in ask("keyvault", "list-deleted", "--resource-type", "vault"):
        own: dict[str, Any] = vault.get("properties") or {}
        if (own.get("tags") or {}).get("azd-env-name") == name:
            group = f"az group create --name rg-{name} --location {own.get('location', '')}"
            recover = f"az keyvault recover --name {vault['name']}"
            found.wrong.append(
                f"the vault {vault['name']} of an earlier {name} was deleted and keeps its name: "
                f"`{group} && {recover}`, or `azd env new` with another name"
            )


def _look_at_workspaces(ask: Ask, environment: Environment, found: Findings) -> None:
    """A workspace that was deleted, but not for good, keeps its name for 14 days.

    https://learn.microsoft.com/azure/machine-learning/concept-soft-delete. The list of them is in
    no document, and some subscriptions have none: that is noted, no more.
    """
    group = f"/resourcegroups/rg-{environment.get('AZURE_ENV_NAME', '')}/".lower()
    where = f"subscriptions/{environment.get('AZURE_SUBSCRIPTION_ID', '')}"
    path = f"{where}/providers/Microsoft.MachineLearningServices/deletedWorkspaces"
    url = f"{MANAGEMENT}/{path}?api-version={DELETED}"
    for workspace in ask("rest", "--method", "get", "--url", url)["value"]:
        if group in json.dumps(workspace).lower():
            found.wrong.append(
                f"the workspace {workspace['name']} of an earlier deployment was deleted and keeps "
                "its name for 14 days: delete it for good in the portal (Azure Machine Learning, "
                "Recently deleted), or `azd env new` with another name"
            )


def _squeezed(region: str) -> str:
    return region.replace(" ", "").lower()


def _asking(subscription: str) -> Ask:
    """Return what asks the Azure CLI about a subscription, and returns what it answers."""
    program = shutil.which("az")

    def ask(*words: str) -> Any:
        if program is None:
            raise CannotAskError("there is no `az` on PATH")
        command = [program, *words, "--subscription", subscription, "--output", "json"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=MINUTES_S
            )
        except subprocess.TimeoutExpired as error:
            raise CannotAskError(f"`az {words[0]} {words[1]}` does not answer") from error
        if done.returncode:
            said = done.stderr.strip().rpartition("\n")[2]
            raise CannotAskError(f"`az {words[0]} {words[1]}` said: {said}")
        return json.loads(done.stdout or "null")

    return ask


if __name__ == "__main__":
    sys.exit(main())
