"""The project as a whole: what its documents promise, what imports what, what is pinned."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from function_app.errors import Code
from function_app.settings import Settings

ROOT = Path(__file__).parents[1]
PACKAGES = (
    *("function_app", "gpu_worker", "emulator", "tools", "cli", "chaos", "fuzz", "benchmarks"),
    "infra",
)
MODULES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
    for package in PACKAGES
    for file in (ROOT / package).rglob("*.py")
}
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
REQUIREMENTS = [*ROOT.glob("requirements*.in"), ROOT / "gpu_worker" / "requirements.in"]
LOCKED = re.compile(r"([\w.-]+==[\w.]+)(?: ; .+?)?((?: +--hash=sha256:[0-9a-f]{64})+)")
CONTRACT = "gpu_worker.plan"
CODE_ROW = re.compile(r"^\| `([a-z-]+)` \| .+ \| (.+) \|$", re.MULTILINE)


def named(paths: list[Path]) -> list[object]:
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in paths]


def pins(file: Path) -> list[str]:
    """What a requirements.in names."""
    lines = [line.partition("#")[0].strip() for line in file.read_text().splitlines()]
    return [line for line in lines if line and not line.startswith("--requirement ")]


def locked(file: Path) -> dict[str, set[str]]:
    """The packages of a requirements.in's lock file, each with its hashes."""
    text = file.with_suffix(".txt").read_text().replace("\\\n", "")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    entries = [LOCKED.fullmatch(line) for line in lines]
    assert [line for line, entry in zip(lines, entries, strict=True) if not entry] == []
    return {entry[1]: set(entry[2].split()) for entry in entries if entry}


def imports(module: str) -> Iterator[str]:
    """The names that a module imports, wherever in its file."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            within = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else str(node.module) for name in within)


def in_contract(module: str) -> bool:
    return module == CONTRACT or module.startswith(f"{CONTRACT}.")


def test_the_plan_needs_the_standard_library_alone() -> None:
    needed = {name for module in MODULES if in_contract(module) for name in imports(module)}
    others = {name.split(".")[0] for name in needed if not in_contract(name)}
    assert others <= sys.stdlib_module_names


def test_the_drawing_of_the_house_is_what_imports_are_held_to() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    held = {
        contract["containers"][0]: contract["layers"]
        for contract in tools["importlinter"]["contracts"]
        if contract["type"] == "layers"
    }
    text = (ROOT / "CONTRIBUTING.md").read_text()
    drawing = text.partition("## The house")[2].partition("```text\n")[2].partition("```")[0]
    drawn = {
        house: [re.split(r"  +", floor.strip())[0] for floor in floors]
        for house, *floors in (block.splitlines() for block in drawing.strip().split("\n\n"))
    }
    assert drawn == held


def test_every_package_says_what_it_is_for() -> None:
    packages = [file for file in MODULES.values() if file.name == "__init__.py"]
    assert [file for file in packages if not ast.get_docstring(ast.parse(file.read_text()))] == []


def test_the_command_needs_what_the_project_has() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = {pin for file in REQUIREMENTS for pin in pins(file)}
    assert set(project["dependencies"]) <= pinned


def test_all_code_is_type_checked() -> None:
    tracked = subprocess.check_output(["git", "ls-files", "*.py"], cwd=ROOT, text=True)
    tops = {line.split("/")[0] for line in tracked.splitlines()}
    assert tops - {"app.py", "tests"} == set(PACKAGES)
    checked = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pyright"]["include"]
    assert set(checked) == {"app.py", *PACKAGES}


@pytest.mark.parametrize("document", named(DOCUMENTS))
def test_every_command_of_a_document_is_there(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    code = re.findall(r"```sh[^\n]*\n(.*?)```|`([^`\n]+)`", document.read_text(), re.DOTALL)
    commands = "\n".join(fence or span for fence, span in code)
    assert set(re.findall(r"\bmake ([a-z-]+)", commands)) <= targets
    for module in re.findall(r"python -m ([\w.]+)", commands):
        assert module in MODULES or (ROOT / Path(*module.split(".")).with_suffix(".py")).exists()


@pytest.mark.parametrize("document", named(DOCUMENTS))
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_every_code_has_its_row_with_what_to_do() -> None:
    text = (ROOT / "docs" / "troubleshooting.md").read_text()
    rows = dict(CODE_ROW.findall(text))
    assert rows == {str(code): code.action for code in Code}


def test_every_code_can_come_up() -> None:
    text = "".join(file.read_text() for file in MODULES.values())
    unused = [
        code for code in Code if f"Code.{code.name}" not in text and text.count(f'"{code}"') < 2
    ]
    assert unused == []


def test_the_layout_table_names_every_folder_that_holds_code() -> None:
    table = (ROOT / "CONTRIBUTING.md").read_text().partition("## Layout")[2].partition("##")[0]
    rows = re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)
    assert [row for row in rows if not (ROOT / row).exists()] == []
    tracked = subprocess.check_output(["git", "ls-files", "*/*"], cwd=ROOT, text=True)
    folders = {line.split("/")[0] for line in tracked.splitlines() if not line.startswith(".")}
    assert folders - {"docs"} <= {row.rstrip("/") for row in rows}


@pytest.mark.parametrize("file", named(REQUIREMENTS))
def test_every_package_is_pinned(file: Path) -> None:
    assert [pin for pin in pins(file) if not re.fullmatch(r"[\w.-]+==[\w.]+", pin)] == []


@pytest.mark.parametrize("file", named(REQUIREMENTS))
def test_every_package_is_locked_by_its_hash(file: Path) -> None:
    assert set(pins(file)) <= locked(file).keys()


@pytest.mark.parametrize("file", named(REQUIREMENTS))
def test_the_packages_that_are_tested_are_those_deployed(file: Path) -> None:
    assert locked(file).items() <= locked(ROOT / "requirements-dev.in").items()


def test_node_packages_are_pinned_and_come_from_no_particular_registry() -> None:
    manifest = json.loads((ROOT / "package.json").read_text())
    assert all(re.fullmatch(r"[\d.]+", each) for each in manifest["devDependencies"].values())
    lock = json.loads((ROOT / "package-lock.json").read_text())
    assert lock["packages"][""]["devDependencies"] == manifest["devDependencies"]
    assert not any("resolved" in package for package in lock["packages"].values())


def test_local_settings_suffice() -> None:
    values = json.loads((ROOT / "local.settings.json").read_text())["Values"]
    assert (ROOT / values["PYTHON_SCRIPT_FILE_NAME"]).exists()
    Settings.read(values)


def test_what_is_published_stands_alone(tmp_path: Path) -> None:
    list_files = ["git", "ls-files", "--cached"]
    every = set(subprocess.check_output(list_files, cwd=ROOT, text=True).splitlines())
    list_kept = [*list_files, "--ignored", "--exclude-from=.funcignore"]
    kept = set(subprocess.check_output(list_kept, cwd=ROOT, text=True).splitlines())
    published = every - kept
    theirs = ("function_app/", "gpu_worker/plan/")
    assert {name for name in published if not name.startswith(theirs)} == {
        "app.py",
        "host.json",
        "requirements.txt",
        "gpu_worker/__init__.py",
    }
    for name in published:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run([sys.executable, "-c", "import app"], cwd=tmp_path, check=True)


def test_every_threat_has_its_test_or_says_that_there_is_none() -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    threats = re.findall(r"^\|[^|]*\| [STRIDE] \|.*\| (.+) \|$", page, re.MULTILINE)
    named = {name for threat in threats for name in re.findall(r"`(test_\w+)`", threat)}
    assert [each for each in threats if not re.match("`test_|Azure$|none$", each)] == []
    there = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    assert named
    assert named - there == set()
