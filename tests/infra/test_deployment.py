"""The steps of a deployment fit together: parameters, hooks in both shells, and their order."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from function_app import activities
from function_app.errors import WORLD, Code
from function_app.host.telemetry import JOB_ID
from tests.infra.compiler import INFRA, SUBSCRIPTION, Compiled, Deployment

ROOT = INFRA.parent
OPERATIONS = ROOT / "docs" / "operations.md"
HOOKS = ["postprovision", "postdeploy"]
OPTIONAL = {"BASE_DIGEST", "BUILD_WITH_DOCKER", "TORCH_INDEX", "WORKER_CUDA"}
"""Variables that a hook does without; the others are outputs of main.bicep."""

FAKE_AZ = """#!/bin/sh
echo "$(basename "$0") $*" >>"$LOG"
case "$*" in "${BROKEN:-nothing}"*) echo "the service says why" >&2; exit 3 ;; esac
case "$*" in
"aks command invoke"*) for last; do :; done; cp "$last" "$(dirname "$LOG")/told.yaml" ;;
"acr repository list"*) echo "$BUILT" | cut -d: -f1 ;;
"acr repository show-tags"*) echo "$BUILT" | cut -d: -f2 ;;
"deployment group"*) [ "$(grep -c 'deployment group' "$LOG")" -gt "$FAILURES" ] ;;
"storage blob"*) [ "$(grep -c 'storage blob' "$LOG")" -gt "${FORBIDDEN:-0}" ] ;;
esac
"""


def test_parameters_are_those_of_main(main: Compiled):
    given = json.loads((INFRA / "main.parameters.json").read_text())["parameters"].keys()
    params = main.template["parameters"]
    assert given <= params.keys()
    assert {name for name, each in params.items() if "defaultValue" not in each} <= given


def test_defaults_are_the_same_in_both_places(main: Compiled):
    parameters = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    for name, value in ((name, str(each["value"])) for name, each in parameters.items()):
        if found := re.fullmatch(r"\$\{\w+=(.*)\}", value):
            default = main.template["parameters"][name]["defaultValue"]
            assert found[1] == (default if isinstance(default, str) else json.dumps(default)), name


def test_operations_page_lists_the_parameters():
    listed = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", OPERATIONS.read_text(), re.MULTILINE)
    parameters = (INFRA / "main.parameters.json").read_text()
    given = re.findall(r'"(\w+)": \{ "value": "\$\{(\w+)', parameters)
    assert {(bicep, variable) for variable, bicep in listed} == {
        (bicep, variable) for bicep, variable in given if not variable.startswith("AZURE_")
    }


def test_a_pipeline_is_given_every_variable():
    parameters = (INFRA / "main.parameters.json").read_text()
    own = {name for name in re.findall(r"\$\{(\w+)", parameters) if not name.startswith("AZURE_")}
    assert set(yaml.safe_load((ROOT / "azure.yaml").read_text())["pipeline"]["variables"]) == (
        own | OPTIONAL
    )
    workflow = yaml.safe_load((ROOT / ".github/workflows/azure-dev.yml").read_text())
    given = workflow["jobs"]["deploy"]["env"]
    assert given.keys() >= own | OPTIONAL
    assert all(value == f"${{{{ vars.{name} }}}}" for name, value in given.items())
    assert workflow["permissions"]["id-token"] == "write"


def test_abbreviations_are_those_in_use():
    known = json.loads((INFRA / "abbreviations.json").read_text())
    files = [path.read_text() for path in INFRA.rglob("*.bicep")]
    used = {name for text in files for name in re.findall(r"\bshort\.(\w+)", text)}
    assert used == known.keys()


@pytest.mark.parametrize("hook", ["preprovision", *HOOKS])
def test_hook_exists_for_both_shells(hook: str):
    steps = yaml.safe_load((ROOT / "azure.yaml").read_text())["hooks"][hook]
    assert steps["posix"]["shell"] == "sh"
    assert steps["windows"]["shell"] == "pwsh"
    assert os.access(ROOT / steps["posix"]["run"], os.X_OK)
    assert (ROOT / steps["windows"]["run"]).is_file()


@pytest.mark.parametrize("hook", HOOKS)
def test_both_shells_read_the_outputs_of_main_and_say_so(hook: str, main: Compiled):
    posix = (INFRA / "hooks" / f"{hook}.sh").read_text()
    windows = (INFRA / "hooks" / f"{hook}.ps1").read_text()
    read = set(re.findall(r"\$\{?([A-Z][A-Z_]+)", posix))
    assert set(re.findall(r"\$env:([A-Z_]+)", windows)) == read
    assert read - OPTIONAL <= main.template["outputs"].keys()
    for text in (posix, windows):
        said = re.search(r"^# Reads: ((?:.|\n# )*)$", text, re.MULTILINE)
        assert said
        assert set(re.findall(r"[A-Z][A-Z_]+", said[1])) == read


@pytest.mark.parametrize("hook", HOOKS)
def test_no_hook_hides_an_error(hook: str):
    for suffix in ("sh", "ps1"):
        text = (INFRA / "hooks" / f"{hook}.{suffix}").read_text()
        assert not re.search(r"2>|\|\| true|SilentlyContinue", text)


def test_service_is_the_one_that_is_tagged(default: Deployment):
    services = yaml.safe_load((ROOT / "azure.yaml").read_text())["services"]
    tags = default.one("Microsoft.Web/sites")["tags"]
    assert list(services) == [tags["azd-service-name"]]


@pytest.mark.parametrize("hook", HOOKS)
def test_events_are_given_their_parameters_in_both_shells(hook: str, events: Compiled):
    params = events.template["parameters"]
    required = {name for name, each in params.items() if "defaultValue" not in each}
    for suffix in ("sh", "ps1"):
        text = (INFRA / "hooks" / f"{hook}.{suffix}").read_text()
        expected = required if "events.bicep" in text else set()
        assert set(re.findall(r"\b(\w+(?:Name))=", text)) == expected


STYLES_AND_WORKBOOK = ["storage blob", "deployment"]
IS_BUILT = {"BUILT": "gpu-worker:2", "PRIVATE_NETWORK": "false", "FAILURES": "0"}


@pytest.mark.parametrize(
    ("built", "private", "expected"),
    [
        ("", "false", ["acr repository list", "acr build"]),
        ("gpu-worker:1", "false", ["acr repository list", "acr repository show-tags", "acr build"]),
        ("other:2", "false", ["acr repository list", "acr build"]),
        ("", "true", ["acr repository list", "acr login", "build --tag", "push"]),
        ("gpu-worker:2", "false", ["acr repository list", "acr repository show-tags"]),
    ],
)
def test_postprovision_builds_a_version_once(
    built: str, private: str, expected: list[str], tmp_path: Path
):
    done, calls = _run(
        "postprovision", tmp_path, BUILT=built, PRIVATE_NETWORK=private, FAILURES="0"
    )
    assert done.returncode == 0, done.stderr
    steps = [*expected, *STYLES_AND_WORKBOOK]
    assert [step in call for step, call in zip(steps, calls, strict=True)] == [True] * len(calls)


def test_free_credit_has_the_image_built_here(tmp_path: Path):
    free = {"BUILD_WITH_DOCKER": "true", "PRIVATE_NETWORK": "false"}
    done, calls = _run("postprovision", tmp_path, BUILT="", FAILURES="0", **free)
    assert done.returncode == 0, done.stderr
    assert not [call for call in calls if "acr build" in call]
    assert [call for call in calls if call.startswith("docker push")]


@pytest.mark.parametrize(("forbidden", "code"), [("2", 0), ("9", 1)])
def test_styles_are_uploaded_once_that_is_allowed(forbidden: str, code: int, tmp_path: Path):
    done, calls = _run("postprovision", tmp_path, **IS_BUILT, FORBIDDEN=forbidden)
    tries = [call for call in calls if "storage blob" in call]
    assert done.returncode == code
    assert len(tries) == min(int(forbidden), 4) + 1


@pytest.mark.parametrize("sub", ["x", "y"])
def test_an_aks_cluster_is_told_what_a_job_asks_of_a_node(sub: str, tmp_path: Path):
    cluster = f"/subscriptions/{sub}/resourceGroups/rg/providers/Microsoft.X/managedClusters/aks"
    node = {"NODE_CPUS": "3", "NODE_MEMORY_GIB": "21", "NODE_GPUS": "1", "INSTANCE_TYPE": "gpu"}
    done, calls = _run("postprovision", tmp_path, **IS_BUILT, **node, KUBERNETES_CLUSTER_ID=cluster)
    assert done.returncode == 0, done.stderr
    (call,) = [call for call in calls if "aks command invoke" in call]
    assert f"--subscription {sub} --resource-group rg --name aks" in call
    told = yaml.safe_load((tmp_path / "told.yaml").read_text())
    assert told["metadata"]["name"] == "gpu"
    resources = told["spec"]["resources"]
    assert resources["requests"] == {"cpu": "3", "memory": "21Gi"}
    assert resources["limits"] == {"cpu": "3", "memory": "21Gi", "nvidia.com/gpu": 1}


@pytest.mark.parametrize("step", ["acr repository list", "acr build"])
def test_postprovision_ends_with_the_error_of_a_step(step: str, tmp_path: Path):
    done, calls = _run(
        "postprovision", tmp_path, BUILT="", PRIVATE_NETWORK="false", FAILURES="0", BROKEN=step
    )
    assert done.returncode == 3
    assert "the service says why" in done.stderr
    assert step in calls[-1]


@pytest.mark.parametrize(("failures", "code"), [("0", 0), ("2", 0), ("9", 1)])
def test_postdeploy_waits_for_the_app(failures: str, code: int, tmp_path: Path):
    done, calls = _run("postdeploy", tmp_path, FAILURES=failures)
    tries = [call for call in calls if call.startswith("az deployment group create")]
    assert done.returncode == code
    assert len(tries) == min(int(failures), 4) + 1


@pytest.mark.parametrize("hook", HOOKS)
def test_every_call_names_the_subscription(hook: str, tmp_path: Path):
    for private in ("true", "false"):
        _, calls = _run(hook, tmp_path, BUILT="", PRIVATE_NETWORK=private, FAILURES="0")
        asked = [call for call in calls if call.startswith("az ")]
        assert asked
        assert all(f"--subscription {SUBSCRIPTION}" in call for call in asked)
    text = (INFRA / "hooks" / f"{hook}.ps1").read_text()
    plain = re.findall(r"^ *az .*(?:(?<=`)\n.*)*", text, re.MULTILINE)
    assert all("--subscription $" in call for call in plain)


def _run(
    hook: str, folder: Path, **variables: str
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run a hook with stand-ins for the tools of a deployment, which note how they are called."""
    for tool in ("az", "docker", "sleep"):
        (folder / tool).write_text(FAKE_AZ)
        (folder / tool).chmod(0o755)
    log = folder / "log"
    text = (INFRA / "main.bicep").read_text()
    outputs = dict.fromkeys(re.findall(r"^output (\w+) ", text, re.MULTILINE), "x")
    outputs |= {"AZURE_SUBSCRIPTION_ID": SUBSCRIPTION, "WORKER_IMAGE": "gpu-worker:2"}
    outputs |= {"KUBERNETES_CLUSTER_ID": ""}
    log.unlink(missing_ok=True)
    path = f"{folder}:{os.environ['PATH']}"
    done = subprocess.run(
        [INFRA / "hooks" / f"{hook}.sh"],
        env=outputs | variables | {"PATH": path, "LOG": str(log)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done, log.read_text().splitlines()


def test_workbook_asks_for_the_spans_that_the_app_makes():
    template = json.loads((INFRA / "workbook.json").read_text())
    items = template["variables"]["content"]["items"]
    queries = "\n".join(item["content"].get("query", "") for item in items)
    assert f"customDimensions['{JOB_ID}']" in queries
    steps = {"upload", "clean_up", "poll"}
    assert steps <= set(re.findall(r"'(\w+)'", queries))
    assert all(hasattr(activities, step) for step in steps - {"upload"})


def test_alert_asks_for_the_codes_of_what_is_nobodys_fault(
    deployed: Callable[[str], Deployment],
):
    rules = deployed("watched").of("Microsoft.Insights/scheduledQueryRules")
    (rule,) = [each["properties"] for each in rules if each["name"] == "job-failed"]
    (criterion,) = rule["criteria"]["allOf"]
    codes = {Code(code) for code in re.findall(r'"([\w-]+)"', criterion["query"])}
    assert codes == WORLD


def test_an_alert_comes_before_the_logs_are_full(deployed: Callable[[str], Deployment]):
    watched = deployed("watched")
    rules = {
        each["name"]: each["properties"]
        for each in watched.of("Microsoft.Insights/scheduledQueryRules")
    }
    logs = watched.one("Microsoft.OperationalInsights/workspaces")
    assert rules["logs-near-cap"]["scopes"] == [logs["id"]]
    (criterion,) = rules["logs-near-cap"]["criteria"]["allOf"]
    cap = logs["properties"]["workspaceCapping"]["dailyQuotaGb"] * 1024
    assert 0.5 * cap < criterion["threshold"] < 0.9 * cap
