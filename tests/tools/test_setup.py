"""The set-up, run for real on a tiny tree: one wheel, one npm lock file, nothing downloaded."""

import hashlib
import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
# Makes the wheel of the project itself, which brings a command.
BACKEND = """
import zipfile


def build_editable(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(f"{folder}/own-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("own.py", "def main(): print('own command')")
        info = "own-1.0.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: own\\nVersion: 1.0")
        tag = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any"
        wheel.writestr(f"{info}/WHEEL", tag)
        wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\\nown = own:main")
        wheel.writestr(f"{info}/RECORD", "")
    return "own-1.0-py3-none-any.whl"
"""
COMMANDS = ("sh", "dirname", "cat", "cmp", "cp", "ls", "rm")


@pytest.fixture(scope="module")
def new_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that was never set up, with a space in its path."""
    tree = tmp_path_factory.mktemp("setup") / "new tree"
    (tree / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "setup", tree / "tools")
    shutil.copy(ROOT / ".python-version", tree)
    lock(tree, write_wheel(tree, "1.0"))
    (tree / "pyproject.toml").write_text(PYPROJECT)
    (tree / "backend.py").write_text(BACKEND)
    write_modules(tree)
    return tree


@pytest.fixture(scope="module")
def ready_tree(new_tree: Path) -> Path:
    """The same, set up."""
    tree = new_tree.with_name("ready tree")
    shutil.copytree(new_tree, tree)
    first = set_up(tree)
    assert first.returncode == 0, first.stderr
    assert first.stdout.count("\n") <= 12, "a newcomer reads a dozen lines, the log has the rest"
    assert "into .venv: about 3 GB" in first.stdout
    assert first.stderr == ""
    return tree


@pytest.fixture
def tree(ready_tree: Path, tmp_path: Path) -> Path:
    """A copy of the tree that is set up, to do with as one likes."""
    return shutil.copytree(ready_tree, tmp_path / "a tree", symlinks=True)


def lock(tree: Path, wheel: Path) -> None:
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (tree / "requirements-dev.txt").write_text(f"./{wheel.name} --hash=sha256:{digest}\n")


def write_wheel(folder: Path, version: str) -> Path:
    file = folder / f"tiny-{version}-py3-none-any.whl"
    info = f"tiny-{version}.dist-info"
    with zipfile.ZipFile(file, "w") as wheel:
        wheel.writestr("tiny.py", f"VERSION = {version!r}\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return file


def write_modules(folder: Path) -> None:
    (folder / "dep").mkdir()
    (folder / "dep" / "package.json").write_text('{"name": "dep", "version": "1.0.0"}')
    package = {"name": "tiny", "version": "1.0.0", "dependencies": {"dep": "file:dep"}}
    lock = {
        "lockfileVersion": 3,
        "packages": {
            "": package,
            "dep": {"version": "1.0.0"},
            "node_modules/dep": {"resolved": "dep", "link": True},
        },
    }
    (folder / "package.json").write_text(json.dumps(package))
    (folder / "package-lock.json").write_text(json.dumps(lock))


def set_up(tree: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tree / "tools" / "setup"],
        env=os.environ | {"PIP_NO_INDEX": "1"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def installed_version(tree: Path) -> str:
    python = tree / ".venv" / "bin" / "python"
    command = [python, "-c", "import tiny; print(tiny.VERSION)"]
    return subprocess.check_output(command, text=True).strip()


def path_of(folder: Path, *commands: str) -> str:
    """A PATH with nothing on it but these commands."""
    folder.mkdir()
    for command in commands:
        (folder / command).symlink_to(shutil.which(command) or command)
    return str(folder)


def test_a_tree_that_is_set_up_is_left_alone(tree: Path) -> None:
    assert installed_version(tree) == "1.0"
    assert (tree / "node_modules" / "dep" / "package.json").exists()
    before = (tree / ".venv" / "made-from").stat().st_mtime_ns
    again = set_up(tree)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert (tree / ".venv" / "made-from").stat().st_mtime_ns == before


def test_the_projects_own_commands_are_installed(tree: Path) -> None:
    command = [tree / ".venv" / "bin" / "own"]
    assert subprocess.check_output(command, text=True) == "own command\n"


def test_a_changed_requirement_is_installed_beside_the_others(tree: Path) -> None:
    (tree / ".venv" / "kept").touch()
    lock(tree, write_wheel(tree, "2.0"))
    assert set_up(tree).returncode == 0
    assert installed_version(tree) == "2.0"
    assert (tree / ".venv" / "kept").exists()


def test_a_package_other_than_the_one_locked_is_not_installed(tree: Path) -> None:
    wheel = write_wheel(tree, "2.0")
    lock(tree, wheel)
    with zipfile.ZipFile(wheel, "a") as exchanged:
        exchanged.writestr("more.py", "")
    answer = set_up(tree)
    assert answer.returncode != 0
    assert "DO NOT MATCH THE HASHES" in answer.stderr
    assert "setup.log holds all that was said" in answer.stderr
    assert installed_version(tree) == "1.0"


def test_an_installation_that_broke_off_is_started_over(tree: Path) -> None:
    requirements = (tree / "requirements-dev.txt").read_text()
    (tree / "requirements-dev.txt").write_text("./missing-1.0-py3-none-any.whl\n")
    assert set_up(tree).returncode != 0
    next(tree.glob(".venv/lib/*/site-packages/tiny.py")).unlink()
    (tree / "requirements-dev.txt").write_text(requirements)
    assert set_up(tree).returncode == 0
    assert installed_version(tree) == "1.0"


def test_a_venv_whose_python_is_gone_is_made_anew_with_one_of_pyenv(
    tree: Path, tmp_path: Path
) -> None:
    python = tree / ".venv" / "bin" / "python"
    managed = tmp_path / ".pyenv" / "versions" / "3.13.0" / "bin" / "python"
    managed.parent.mkdir(parents=True)
    managed.symlink_to(python.resolve())
    python.unlink()
    python.symlink_to(tree / "gone")
    path = path_of(tmp_path / "bin", *COMMANDS)
    answer = set_up(tree, PATH=path, HOME=str(tmp_path))
    assert answer.returncode == 0, answer.stderr
    assert installed_version(tree) == "1.0"


def test_without_python_it_says_what_to_install(tree: Path, tmp_path: Path) -> None:
    shutil.rmtree(tree / ".venv")
    path = path_of(tmp_path / "bin", *COMMANDS)
    answer = set_up(tree, PATH=path, HOME=str(tmp_path))
    assert answer.returncode == 1
    assert answer.stderr.startswith("setup: Python 3.13 is needed: get it from ")
    assert answer.stderr.count("\n") == 1


def test_without_npm_it_says_what_to_install(new_tree: Path, tmp_path: Path) -> None:
    path = path_of(tmp_path / "bin", *COMMANDS)
    answer = set_up(new_tree, PATH=path, HOME=str(tmp_path))
    assert answer.returncode == 1
    assert answer.stderr.startswith("setup: Node.js 20 or newer is needed")
    assert answer.stderr.count("\n") == 1
