"""Who may do what: as it would be deployed, and as docs/security.md says, is the same."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.infra.compiler import INFRA, Deployment

SECURITY = Path(__file__).parents[2] / "docs" / "security.md"
ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
DEFINITION = "Microsoft.Authorization/roleDefinitions"

BUILT_IN = {
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": "AcrPull",
    "0ab0b1a8-8aac-4efd-b8c2-3ee1fb270be8": "Azure Kubernetes Service Cluster Admin Role",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "0ad04412-c4d5-4796-b79c-f76d14c8d402": "Durable Task Data Contributor",
    "00482a5a-887f-4fb3-b363-3b7fe8e74483": "Key Vault Administrator",
    "85cb6faf-e071-4c9b-8136-154b5a04f717": "Kubernetes Extension Contributor",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
    "17d1049b-9a84-46fb-8f53-869881c3d3ab": "Storage Account Contributor",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    "db58b8e5-c6ad-4a2a-8342-4190687cbf4a": "Storage Blob Delegator",
    "69566ab7-960f-475b-8e7c-b3118f30c6bd": "Storage File Data Privileged Contributor",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
}
"""https://learn.microsoft.com/azure/role-based-access-control/built-in-roles"""

SCOPES = {
    r"storageAccounts/stdata\w+": "data account",
    r"storageAccounts/stdata\w+/blobServices/default/containers/(\w+)": "container `{}`",
    r"storageAccounts/stjobs\w+": "jobs account",
    r"storageAccounts/stjobs\w+/blobServices/default/containers/([\w-]+)": "container `{}`",
    r"storageAccounts/struns\w+": "runs account",
    r"Microsoft.MachineLearningServices/workspaces/mlw-\w+": "workspace",
    r"registries/cr\w+": "registry",
    r"vaults/kv-\w+": "key vault",
    r"components/appi-\w+": "Application Insights",
    r"schedulers/dts-\w+": "Durable Task Scheduler",
    r"managedClusters/\w+": "AKS cluster",
}
WHO = {r"/id-(\w+)-\w+'": None, "/egst-": "events", "000000cc": "deployer"}

type Row = tuple[str, str, str, str]


def test_security_page_lists_exactly_the_roles_assigned(deployed: Callable[[str], Deployment]):
    variants = ("default", "scheduler", "kubernetes")
    assigned = {row for name in variants for row in _assigned(deployed(name))}
    assert sorted(_documented()) == sorted(assigned)


def test_roles_are_assigned_in_their_modules_alone():
    files = {path.name for path in INFRA.rglob("*.bicep") if f"'{ASSIGNMENT}@" in path.read_text()}
    assert all(name.startswith("rbac") for name in files)


def test_no_right_is_given_twice(variant: Deployment):
    rows = [row[:3] for row in _assigned(variant)]
    assert len(rows) == len(set(rows))


def test_nobody_owns_and_the_app_manages_nothing_but_its_host_storage(default: Deployment):
    app = {(role, scope) for identity, role, scope, _ in _assigned(default) if identity == "app"}
    roles = {role for _, role, _, _ in _assigned(default)}
    assert not roles & {"Owner", "User Access Administrator"}
    managing = {scope for role, scope in app if role.endswith("Contributor") and "Data" not in role}
    assert managing == {"jobs account"}


def test_nodes_write_shards_and_logs_alone(default: Deployment):
    writing = {
        scope
        for identity, role, scope, _ in _assigned(default)
        if identity == "worker" and re.search("Contributor|Owner", role)
    }
    assert writing == {"container `jobs`", "runs account"}


RUNS = """
    environments/build/action environments/readSecrets/action environments/write
    experiments/runs/submit/action experiments/runs/write metadata/artifacts/write
    metadata/snapshots/write
"""
"""What submitting any kind of run takes, in a workspace, beside reading.

https://learn.microsoft.com/azure/machine-learning/how-to-assign-roles"""


def test_custom_role_has_what_is_documented_for_runs(default: Deployment):
    role = default.one(DEFINITION)["properties"]
    (permission,) = role["permissions"]
    workspaces = "Microsoft.MachineLearningServices/workspaces"
    needed = {f"{workspaces}/{action}" for action in RUNS.split()}
    assert set(permission["actions"]) == needed | {
        f"{workspaces}/read",
        f"{workspaces}/*/read",
        f"{workspaces}/jobs/*",
    }


def test_custom_role_has_a_name_of_its_own_in_the_tenant(deploy: Callable[..., Deployment]):
    names = [
        deploy(name="aa", location=place).one(DEFINITION)["properties"]["roleName"]
        for place in ("westeurope", "norwayeast")
    ]
    assert len(set(names)) == 2


def test_deployer_is_of_the_kind_that_is_said(deploy: Callable[..., Deployment]):
    kinds = {"User": 1, "ServicePrincipal": 0}
    for kind, expected in kinds.items():
        assignments = deploy(principalType=kind).of(ASSIGNMENT)
        users = [each for each in assignments if each["properties"]["principalType"] == "User"]
        assert len(users) == expected


def _assigned(deployment: Deployment) -> list[Row]:
    own = {each["name"]: each["properties"]["roleName"] for each in deployment.of(DEFINITION)}
    roles = BUILT_IN | {guid: name.partition(" (")[0] for guid, name in own.items()}
    return [_row(each, roles) for each in deployment.of(ASSIGNMENT)]


def _row(assignment: dict[str, Any], roles: dict[str, str]) -> Row:
    properties = assignment["properties"]
    (guid,) = re.findall(r"[0-9a-f-]{36}$", properties["roleDefinitionId"])
    return (
        _who(properties["principalId"]),
        roles[guid],
        _scope(assignment["id"]),
        properties["description"],
    )


def _who(principal: str) -> str:
    for pattern, name in WHO.items():
        if found := re.search(pattern, principal):
            return name or found[1]
    pytest.fail(f"who is {principal}?")


def _scope(identity: str) -> str:
    found = re.search(r"'(/subscriptions/[^']+)', '" + ASSIGNMENT, identity)
    resource = found[1] if found else identity.partition(f"/providers/{ASSIGNMENT}")[0]
    for pattern, name in SCOPES.items():
        if match := re.search(f"/{pattern}$", resource):
            return name.format(*match.groups())
    pytest.fail(f"what is {resource}?")


def _documented() -> Iterator[Row]:
    lines = SECURITY.read_text().partition("## Who may do what")[2].partition("\n## ")[0]
    cells = [re.split(r"\s*\|\s*", line.strip("| ")) for line in lines.splitlines()]
    yield from [tuple(row) for row in cells if len(row) == 4 and not set(row[0]) <= {"-"}][1:]
