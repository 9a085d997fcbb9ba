"""The function app's package: what .funcignore leaves over is small, and runs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pathspec import GitIgnoreSpec

ROOT = Path(__file__).parents[2]
MOST_BYTES = 2**20
"""Of own files; the packages of requirements.txt are installed where it is deployed."""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is published."""
    target = tmp_path_factory.mktemp("package")
    for file in _published():
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, target / file)
    return target


def test_package_holds_the_app_and_nothing_else(package: Path):
    top = {path.name for path in package.iterdir()}
    assert top == {"app.py", "host.json", "requirements.txt", "function_app", "gpu_worker"}
    assert {path.name for path in (package / "gpu_worker").iterdir()} == {"__init__.py", "plan.py"}
    assert (package / "function_app" / "page" / "index.html").is_file()


def test_package_is_small(package: Path):
    assert sum(path.stat().st_size for path in package.rglob("*") if path.is_file()) < MOST_BYTES


def test_package_can_be_imported_without_what_only_an_activity_needs(package: Path):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import app, sys; print(*sorted({'torch', 'azure.ai.ml'} & sys.modules.keys()))",
        ],
        cwd=package,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_packages_to_install_are_without_torch():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert not [line for line in lines if line.startswith(("torch", "mpi4py", "-", "tests"))]


def _published() -> list[Path]:
    ignore = GitIgnoreSpec.from_lines((ROOT / ".funcignore").read_text().splitlines())
    files: list[Path] = []
    for folder, folders, names in ROOT.walk():
        here = folder.relative_to(ROOT)
        folders[:] = [name for name in folders if not ignore.match_file(f"{here / name}/")]
        files += [here / name for name in names if not ignore.match_file(str(here / name))]
    return files
