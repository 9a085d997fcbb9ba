"""What is typed: mistakes are said in words, files may be called anything."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli import main

NOWHERE = "http://127.0.0.1:9"
USAGE, UNREACHABLE = 2, 4


def run(*words: str) -> Result:
    return CliRunner().invoke(main.app, words, env={"TERMINAL_WIDTH": "80"})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the command is run; it holds a video and a folder."""
    (tmp_path / "a.mp4").write_bytes(b"video")
    (tmp_path / "holiday").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--strength", "lots"), "'--strength': it is no number"),
        (("--strength", "nan"), "'--strength': it must be 1 or less"),
        (("--strength", "-1"), "'--strength': it must be 0 or more"),
        (("--container", "avi"), "'--container': 'avi' is not one of 'mp4', 'mkv'"),
        (("--out", "a.mp4"), "'--out': 'a.mp4' is a file, not a folder"),
        (("holiday",), "'FILE': 'holiday' is a folder: name the files in it"),
        (("b.mp4",), "'FILE': file 'b.mp4' does not exist."),
        (("--key", "\N{GREEK SMALL LETTER ALPHA}"), "it holds characters that no key has"),
        (("--key", "two\nlines"), "it holds characters that no key has"),
        (("--url", "localhost:7071"), "'localhost:7071' is no URL"),
        (("--url", "http://[::1"), "'http://[::1' is no URL"),
        (("--url", "https://"), "'https://' is no URL"),
    ],
)
def test_what_is_typed_wrong_is_said_in_words(words: tuple[str, ...], sentence: str) -> None:
    asked = run("restyle", "a.mp4", "--style", "scream", *words)
    assert (asked.exit_code, asked.stdout) == (USAGE, "")
    assert f"{sentence}" in asked.stderr
    assert "Input should" not in asked.stderr


def test_a_whole_number_is_asked_for_in_words() -> None:
    asked = run("status", "--top", "some")
    assert (asked.exit_code, "'--top': it is no whole number" in asked.stderr) == (USAGE, True)


def test_a_key_that_is_wrong_is_not_repeated() -> None:
    assert "secret" not in run("--key", "secret\u00e4", "styles").stderr


@pytest.mark.parametrize("name", ["-dash.mp4", "--json.mp4", "-"])
def test_a_file_may_begin_with_dashes(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"video")
    asked = run("--url", NOWHERE, "restyle", "--style", "scream", name)
    assert asked.exit_code == UNREACHABLE
    assert "does not answer" in asked.stderr


def test_what_is_an_option_stays_one_though_a_file_has_its_name(folder: Path) -> None:
    (folder / "--json").write_bytes(b"no video")
    asked = run("--url", NOWHERE, "restyle", "a.mp4", "--style", "scream", "--json")
    assert asked.stdout.startswith('{"file": "a.mp4"')
    assert len(asked.stdout.splitlines()) == 1


def test_an_option_that_there_is_not_is_no_file(folder: Path) -> None:
    asked = run("restyle", "a.mp4", "--style", "scream", f"--{'x' * 300}")
    assert (asked.exit_code, "No such option" in asked.stderr) == (USAGE, True)
    assert folder.is_dir()
