"""The Bicep files hold together: syntax, symbols, modules, and no keys."""

from pathlib import Path

import pytest

from tests.infra.bicep import INFRA, BicepFile, findings, infra, parse

MODULE = "param size int\nparam colour string = 'red'\noutput area int = size * length(colour)\n"


@pytest.mark.parametrize("file", infra(), ids=lambda file: file.path.name)
def test_file_has_no_finding(file: BicepFile):
    assert findings(file) == []


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("var a = [", "main.bicep:1: syntax"),
        ("output o int = missing\n", "main.bicep: missing is not declared"),
        ("output o object = { a: [missing.b] }\n", "main.bicep: missing is not declared"),
        ("output o string = shout('a')\n", "main.bicep: shout is no function"),
        ("param p int\n", "main.bicep: p is not used"),
        ("module m 'none.bicep' = {\n}\n", "main.bicep: m: there is no none.bicep"),
        ("module m 'module.bicep' = {\n  params: {}\n}\n", "main.bicep: m: size is not given"),
        (
            "module m 'module.bicep' = {\n  params: { size: 1, taste: 2 }\n}\n",
            "main.bicep: m: module.bicep has no parameter taste",
        ),
        (
            "module m 'module.bicep' = {\n  params: { size: 1 }\n}\n"
            "output o int = m.outputs.volume\n",
            "main.bicep: m: module.bicep has no output volume",
        ),
    ],
)
def test_check_finds_what_is_wrong(text: str, finding: str, tmp_path: Path):
    (tmp_path / "module.bicep").write_text(MODULE)
    (tmp_path / "main.bicep").write_text(text)
    assert findings(parse(tmp_path / "main.bicep")) == [finding]


def test_check_finds_nothing_in_a_sound_file(tmp_path: Path):
    (tmp_path / "module.bicep").write_text(MODULE)
    (tmp_path / "main.bicep").write_text(
        "param sizes array\nmodule m 'module.bicep' = if (!empty(sizes)) {\n"
        "  params: { size: sizes[0] }\n}\noutput o int = m.?outputs.?area ?? 0\n"
    )
    assert findings(parse(tmp_path / "main.bicep")) == []


def test_only_the_event_subscription_reads_a_key():
    readers = {
        file.path.relative_to(INFRA).as_posix(): call
        for file in infra()
        for call in file.calls
        if call.startswith("list")
    }
    assert readers == {"events.bicep": "listKeys"}
