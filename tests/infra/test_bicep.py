"""The Bicep files as the compiler sees them: nothing to say, laid out as it would, no keys."""

import json
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from tests.infra.compiler import INFRA, Compiled, Compiler, Deployment

FILES = sorted(INFRA.rglob("*.bicep"))


def test_main_compiles_without_a_word(main: Compiled):
    assert main.diagnostics == []
    assert main.template["$schema"].endswith("subscriptionDeploymentTemplate.json#")


def test_events_compile_without_a_word(events: Compiled):
    assert events.diagnostics == []


def test_every_module_is_deployed_by_another_file():
    named = {
        name for path in FILES for name in re.findall(r"^module \w+ '(.+)'", path.read_text(), re.M)
    }
    modules = {path.name for path in FILES if path.parent.name == "modules"}
    assert modules == {PurePosixPath(name).name for name in named}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_file_is_laid_out_as_the_compiler_would(file: Path, compiler: Compiler):
    assert compiler.format(file) == file.read_text()


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("param unused string\n", "Error no-unused-params"),
        ("output o string = missing\n", "Error BCP057"),
        (
            "param a array\nvar o = { rules: [for each in a: each] }\noutput o object = o\n",
            "Error BCP138",
        ),
        (
            "param location string\noutput o string = concat('a', location)\n",
            "Error prefer-interpolation",
        ),
    ],
)
def test_compiler_and_its_rules_are_awake(
    text: str, finding: str, compiler: Compiler, tmp_path: Path
):
    (tmp_path / "bicepconfig.json").write_text((INFRA / "bicepconfig.json").read_text())
    (tmp_path / "some.bicep").write_text(text)
    assert any(finding in said for said in compiler.compile(tmp_path / "some.bicep").diagnostics)


def test_every_rule_is_an_error_or_said_to_be_off():
    rules = json.loads((INFRA / "bicepconfig.json").read_text())["analyzers"]["core"]["rules"]
    assert {rule["level"] for rule in rules.values()} <= {"error", "off"}


def test_evaluation_has_nothing_to_say(variant: Deployment):
    assert variant.diagnostics == []


def test_only_the_event_subscription_reads_a_key(main: Compiled, events: Compiled):
    assert "listKeys(" not in json.dumps(main.template)
    assert json.dumps(events.template).count("listKeys(") == 1


def test_names_depend_on_the_name_and_the_region_alone(
    deploy: Callable[..., Deployment], default: Deployment
):
    again, other = deploy(), deploy(name="other")
    kind = "Microsoft.Web/sites"
    assert again.one(kind)["name"] == default.one(kind)["name"] != other.one(kind)["name"]
