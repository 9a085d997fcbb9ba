"""The steps of a deployment fit together: parameters, hooks in both shells, and their order."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from function_app import activities
from function_app.errors import Code
from function_app.telemetry import JOB_ID
from tests.infra.bicep import INFRA, infra_file

ROOT = INFRA.parent
OPERATIONS = ROOT / "docs" / "operations.md"
HOOKS = ["postprovision", "postdeploy"]
OPTIONAL = {"BASE_DIGEST"}
"""Variables that a hook does without; the others are outputs of main.bicep."""

FAKE_AZ = """#!/bin/sh
echo "$(basename "$0") $*" >>"$LOG"
case "$1 $2" in
"acr repository") exit "$NOT_BUILT" ;;
"deployment group") [ "$(grep -c 'deployment group' "$LOG")" -gt "$FAILURES" ] ;;
esac
"""


def test_parameters_are_those_of_main():
    given = json.loads((INFRA / "main.parameters.json").read_text())["parameters"].keys()
    params = infra_file("main.bicep").all("param")
    assert given <= params.keys()
    assert {each.name for each in params.values() if each.is_required} <= given


def test_defaults_are_the_same_in_both_places():
    parameters = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    params = infra_file("main.bicep").all("param")
    for name, value in ((name, str(each["value"])) for name, each in parameters.items()):
        if found := re.fullmatch(r"\$\{\w+=(.*)\}", value):
            default = params[name].value
            assert found[1] == (default if isinstance(default, str) else json.dumps(default)), name


def test_operations_page_lists_the_parameters():
    listed = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", OPERATIONS.read_text(), re.MULTILINE)
    parameters = (INFRA / "main.parameters.json").read_text()
    given = re.findall(r'"(\w+)": \{ "value": "\$\{(\w+)', parameters)
    assert {(bicep, variable) for variable, bicep in listed} == {
        (bicep, variable) for bicep, variable in given if not variable.startswith("AZURE_")
    }


def test_abbreviations_are_those_in_use():
    known = json.loads((INFRA / "abbreviations.json").read_text())
    used = set(re.findall(r"\bshort\.(\w+)", (INFRA / "main.bicep").read_text()))
    assert used == known.keys()


@pytest.mark.parametrize("hook", HOOKS)
def test_hook_exists_for_both_shells(hook: str):
    steps = yaml.safe_load((ROOT / "azure.yaml").read_text())["hooks"][hook]
    assert steps["posix"]["shell"] == "sh"
    assert steps["windows"]["shell"] == "pwsh"
    assert os.access(ROOT / steps["posix"]["run"], os.X_OK)
    assert (ROOT / steps["windows"]["run"]).is_file()


@pytest.mark.parametrize("hook", HOOKS)
def test_both_shells_read_the_outputs_of_main_and_say_so(hook: str):
    posix = (INFRA / "hooks" / f"{hook}.sh").read_text()
    windows = (INFRA / "hooks" / f"{hook}.ps1").read_text()
    read = set(re.findall(r"\$\{?([A-Z][A-Z_]+)", posix))
    assert set(re.findall(r"\$env:([A-Z_]+)", windows)) == read
    assert read - OPTIONAL <= infra_file("main.bicep").all("output").keys()
    for text in (posix, windows):
        said = re.search(r"^# Reads: ((?:.|\n# )*)$", text, re.MULTILINE)
        assert said
        assert set(re.findall(r"[A-Z][A-Z_]+", said[1])) == read


def test_service_is_the_one_that_is_tagged():
    services = yaml.safe_load((ROOT / "azure.yaml").read_text())["services"]
    tags = infra_file("function-app.bicep").all("resource")["app"].value["tags"]
    assert [name for name in services if f"'azd-service-name': '{name}'" in tags] == list(services)


@pytest.mark.parametrize("hook", HOOKS)
def test_events_are_given_their_parameters_in_both_shells(hook: str):
    params = infra_file("events.bicep").all("param").values()
    required = {each.name for each in params if each.is_required}
    for suffix in ("sh", "ps1"):
        text = (INFRA / "hooks" / f"{hook}.{suffix}").read_text()
        expected = required if "events.bicep" in text else set()
        assert set(re.findall(r"\b(\w+(?:Name))=", text)) == expected


@pytest.mark.parametrize(
    ("not_built", "private", "expected"),
    [
        ("1", "false", ["acr repository", "acr build", "storage blob", "deployment"]),
        (
            "1",
            "true",
            ["acr repository", "acr login", "build --tag", "push", "storage blob", "deployment"],
        ),
        ("0", "false", ["acr repository", "storage blob", "deployment"]),
    ],
)
def test_postprovision_builds_a_version_once(
    not_built: str, private: str, expected: list[str], tmp_path: Path
):
    done, calls = _run(
        "postprovision", tmp_path, NOT_BUILT=not_built, PRIVATE_NETWORK=private, FAILURES="0"
    )
    assert done.returncode == 0, done.stderr
    assert [step in call for step, call in zip(expected, calls, strict=True)] == [True] * len(calls)


@pytest.mark.parametrize(("failures", "code"), [("0", 0), ("2", 0), ("9", 1)])
def test_postdeploy_waits_for_the_app(failures: str, code: int, tmp_path: Path):
    done, calls = _run("postdeploy", tmp_path, FAILURES=failures)
    tries = [call for call in calls if call.startswith("az deployment group create")]
    assert done.returncode == code
    assert len(tries) == min(int(failures), 4) + 1


def _run(
    hook: str, folder: Path, **variables: str
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run a hook with stand-ins for the tools of a deployment, which note how they are called."""
    for tool in ("az", "docker", "sleep"):
        (folder / tool).write_text(FAKE_AZ)
        (folder / tool).chmod(0o755)
    log = folder / "log"
    outputs = dict.fromkeys(infra_file("main.bicep").all("output"), "x")
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


def test_alert_asks_for_the_codes_of_what_is_nobodys_fault():
    rule = infra_file("alerts.bicep").all("resource")["failedJobs"].value["properties"]
    (criterion,) = rule["criteria"]["allOf"]
    codes = {Code(code) for code in re.findall(r'"([\w-]+)"', criterion["query"])}
    assert codes == {Code.SERVICE_FAILED, Code.PAINTING_FAILED}
