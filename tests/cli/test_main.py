"""The commands: help shows how each is typed, and a style has a name."""

from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from cli import main

NOWHERE = "http://127.0.0.1:9"
RUNNER = CliRunner(env={"TERMINAL_WIDTH": "80"})


@pytest.mark.parametrize("name", sorted(set(get_command(main.app).commands) - {"styles"}))  # type: ignore[attr-defined]
def test_help_shows_what_might_be_typed(name: str) -> None:
    lines = RUNNER.invoke(main.app, [name, "--help"]).stdout.splitlines()
    examples = lines[lines.index("  Examples:") + 1 :]
    assert examples
    assert all(line.startswith(f"    atelier {name}") for line in examples)
    assert max(map(len, lines)) <= 80


def test_a_painting_whose_name_is_none_for_a_style_wants_one(tmp_path: Path) -> None:
    painting = tmp_path / "!!!.jpg"
    painting.write_bytes(b"painting")
    asked = RUNNER.invoke(main.app, ["--url", NOWHERE, "learn", str(painting)])
    assert str(asked.exception) == "!!!.jpg names no style: give it a name with --name"
