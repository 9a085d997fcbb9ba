"""The commands in the documents, and their options, against the programs."""

import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from function_app.api.openapi import document

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]


def test_the_api_page_has_every_request_and_no_other() -> None:
    rows = re.findall(r"`(GET|POST|DELETE) (/[^`]*)`", (ROOT / "docs" / "api.md").read_text())
    described = {
        (method.upper(), path)
        for path, item in document()["paths"].items()
        for method in item.keys() & {"get", "post", "delete"}
    }
    assert set(rows) == described


@pytest.mark.parametrize("document", [pytest.param(file, id=file.name) for file in DOCUMENTS])
def test_a_link_to_code_leads_to_what_it_names(document: Path) -> None:
    links = re.findall(r"\[`(\w+)`\]\(([^)#]+\.py)\)", document.read_text())
    assert [
        (name, file)
        for name, file in links
        if not re.search(
            rf"^ *(?:def|class) {name}\b", (document.parent / file).read_text(), re.MULTILINE
        )
    ] == []


def anchors(document: Path) -> list[str]:
    """What the headings of a document are linked by, on GitHub."""
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings]


@pytest.mark.parametrize("document", [pytest.param(file, id=file.name) for file in DOCUMENTS])
def test_a_link_to_a_section_leads_to_its_heading(document: Path) -> None:
    links = re.findall(r"\]\(((?!\w+:)[^)#]*)#([^)]+)\)", document.read_text())
    pages = {file: (document.parent / file if file else document) for file, _ in links}
    assert [(file, name) for file, name in links if name not in anchors(pages[file])] == []


def test_experiments_are_listed_as_they_stand_newest_first() -> None:
    page = ROOT / "docs" / "experiments.md"
    listed = re.findall(r"^- \d.*\(#(.+)\)$", page.read_text(), re.MULTILINE)
    assert listed == anchors(page)[1:]
    days = [name[: len("2026-11-23")] for name in listed]
    assert days == sorted(days, reverse=True)


def shell_lines(document: Path) -> list[str]:
    """The commands of a document, each on one line."""
    blocks = re.findall(r"^```sh[^\n]*\n(.*?)^```", document.read_text(), re.DOTALL | re.MULTILINE)
    return [
        line.strip()
        for block in blocks
        for line in block.replace("\\\n", " ").splitlines()
        if line.strip() and not line.startswith("#")
    ]


OURS = re.compile(r"(?:^|\$\()(?:\.venv/bin/)?(atelier|python -m [\w.]+)( [^)#]*)?")
COMMANDS = [
    pytest.param(match[1], match[2] or "", id=f"{document.name}: {match[0][:60]}")
    for document in DOCUMENTS
    for line in shell_lines(document)
    if (match := OURS.search(line))
]


@cache
def help_of(*words: str) -> str:
    environment = os.environ | {"COLUMNS": "200"}
    command = [sys.executable, "-m", *words, "--help"]
    return subprocess.check_output(command, cwd=ROOT, text=True, env=environment)


@pytest.mark.parametrize(("program", "arguments"), COMMANDS)
def test_a_command_and_its_options_are_there(program: str, arguments: str) -> None:
    words = shlex.split(arguments)
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    if program == "atelier":
        known = help_of("cli", *(word for word in words[:1] if word.isalpha()))
    else:
        known = help_of(program.removeprefix("python -m "))
    assert [option for option in options if option not in known] == []


def test_commands_are_found_in_the_documents() -> None:
    programs = {parameter.values[0] for parameter in COMMANDS}
    assert {"atelier", "python -m gpu_worker.learn"} <= programs
