"""The function app's package: what .funcignore leaves over is small, and runs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.funcignore import Pattern, published

ROOT = Path(__file__).parents[2]
MOST_BYTES = 2**20
"""Of own files; the packages of requirements.txt are installed where it is deployed."""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is published."""
    target = tmp_path_factory.mktemp("package")
    for file in published(ROOT):
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, target / file)
    return target


def test_package_holds_the_app_and_nothing_else(package: Path):
    top = {path.name for path in package.iterdir()}
    assert top == {"app.py", "host.json", "requirements.txt", "function_app", "gpu_worker"}
    assert {path.name for path in (package / "gpu_worker").iterdir()} == {"__init__.py", "plan"}
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


def test_package_holds_every_file_of_the_app(package: Path):
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "function_app"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    files = [file for file in listed.stdout.splitlines() if (ROOT / file).is_file()]
    assert files
    assert [file for file in files if not (package / file).is_file()] == []


@pytest.mark.parametrize(
    ("line", "path", "is_folder", "matches"),
    [
        ("/*", "function_app", True, True),
        ("/*", "function_app/app.py", False, True),
        ("!/function_app", "function_app/app.py", False, False),
        ("!/function_app/**", "function_app/page/app.js", False, True),
        ("!/function_app/**", "function_app", True, True),
        ("!/gpu_worker/plan/**", "gpu_worker/plan/shards.py", False, True),
        ("/gpu_worker/*", "gpu_worker/scorers/motion.py", False, False),
        ("shards.py", "gpu_worker/plan/shards.py", False, True),
        ("gpu_worker/plan/shards.py", "old/gpu_worker/plan/shards.py", False, False),
        ("__pycache__/", "function_app/__pycache__", True, True),
        ("__pycache__/", "function_app/__pycache__", False, False),
        ("**/page", "function_app/page", True, True),
    ],
)
def test_patterns_match_as_in_azd(line: str, path: str, is_folder: bool, matches: bool):
    assert Pattern.parse(line).matches(path, is_folder) is matches


def test_a_folder_left_out_is_not_looked_into(tmp_path: Path):
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "kept.py").touch()
    (tmp_path / ".funcignore").write_text("/app\n!/app/kept.py\n")
    assert published(tmp_path) == []
    (tmp_path / ".funcignore").write_text("/app\n!/app\n")
    assert published(tmp_path) == [Path("app/kept.py")]
