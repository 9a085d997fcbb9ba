"""Who may do what stands in Bicep and in docs/security.md, and is the same in both."""

import re
from pathlib import Path

from tests.infra.bicep import infra, infra_file, resources

SECURITY = Path(__file__).parents[2] / "docs" / "security.md"

SCOPES = {
    "onDataAccount": "data account",
    "onVideos": "container `videos`",
    "onStyles": "container `styles`",
    "onResults": "container `results`",
    "onJobsAccount": "jobs account",
    "onJobs": "container `jobs`",
    "onDeadLetters": "container `dead-letters`",
    "onRunsAccount": "runs account",
    "onWorkspace": "workspace",
    "onRegistry": "registry",
    "onVault": "key vault",
    "onInsights": "Application Insights",
    "onScheduler": "Durable Task Scheduler",
}
FILES = [infra_file("rbac.bicep"), infra_file("rbac-workspace.bicep")]

type Row = tuple[str, str, str, str]


def test_security_page_lists_exactly_the_roles_assigned():
    assert sorted(_documented()) == sorted(_assigned())


def test_roles_are_assigned_in_their_modules_alone():
    elsewhere = {
        resource.path.name
        for file in infra()
        for resource in resources(file)
        if resource.type == "Microsoft.Authorization/roleAssignments"
    }
    assert elsewhere == {file.path.name for file in FILES}


def test_every_table_is_assigned():
    for file in FILES:
        tables = {name for name in file.all("var") if name.startswith("on")}
        assigned = {each.name.removesuffix("Assigned") for each in resources(file)}
        assert tables <= assigned


def test_every_role_is_known_and_used():
    for file in FILES:
        variables = file.all("var")
        used = {
            row["role"]
            for name, table in variables.items()
            if name.startswith("on")
            for row in table.value
        }
        assert variables["roles"].value.keys() == used


def test_nobody_owns_and_the_app_manages_nothing_but_its_host_storage():
    app = {(role, scope) for identity, role, scope, _ in _assigned() if identity == "app"}
    assert not {role for _, role, _, _ in _assigned()} & {"Owner", "User Access Administrator"}
    managing = {scope for role, scope in app if role.endswith("Contributor") and "Data" not in role}
    assert managing == {"jobs account"}


def test_nodes_write_shards_and_logs_alone():
    writing = {
        scope
        for identity, role, scope, _ in _assigned()
        if identity == "worker" and re.search("Contributor|Owner", role)
    }
    assert writing == {"container `jobs`", "runs account"}


def _assigned() -> list[Row]:
    return [
        (row["who"], row["role"], SCOPES[name], row["why"])
        for file in FILES
        for name, table in file.all("var").items()
        if name.startswith("on")
        for row in table.value
    ]


def _documented() -> list[Row]:
    lines = SECURITY.read_text().partition("## Who may do what")[2].partition("\n## ")[0]
    cells = [re.split(r"\s*\|\s*", line.strip("| ")) for line in lines.splitlines()]
    return [tuple(row) for row in cells if len(row) == 4 and not set(row[0]) <= {"-"}][1:]
