"""The worker's image can be built: its context holds all that is copied, run and imported."""

import ast
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from pathspec import GitIgnoreSpec

CONTEXT = Path(__file__).parents[2] / "gpu_worker"
DOCKERFILE = (CONTEXT / "Dockerfile").read_text()
REQUIREMENTS = (CONTEXT / "requirements.in").read_text()


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file system of the image, as far as COPY makes it."""
    root = tmp_path_factory.mktemp("image")
    for source, target in re.findall(r"^COPY (\S+) /(\S+)$", DOCKERFILE, re.MULTILINE):
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        if (CONTEXT / source).is_dir():
            shutil.copytree(CONTEXT / source, root / target, ignore=_ignored)
        else:
            shutil.copyfile(CONTEXT / source, root / target)
    return root


def test_worker_runs_from_what_is_copied(image: Path):
    python_path = re.search(r"PYTHONPATH=/(\S+)", DOCKERFILE)
    assert python_path
    done = subprocess.run(
        [sys.executable, "-B", "-P", "-m", "gpu_worker.score", "--help"],
        cwd=image,
        env=os.environ | {"PYTHONPATH": str(image / python_path[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "--plan" in done.stdout


def test_image_holds_no_caches(image: Path):
    assert not [*image.rglob("__pycache__"), *image.rglob("Dockerfile")]


def test_installed_requirements_are_the_worker_s(image: Path):
    installed = re.search(r"pip install .*--requirement /(\S+)", DOCKERFILE)
    assert installed
    assert (image / installed[1]).read_text() == (CONTEXT / "requirements.txt").read_text()


def test_requirements_meet_every_import():
    required = set(re.findall(r"^([a-z0-9_-]+)==", REQUIREMENTS, re.MULTILINE))
    distributions = packages_distributions()
    for file in CONTEXT.rglob("*.py"):
        for package in _imported(file) - sys.stdlib_module_names - {"gpu_worker"}:
            meeting = {name.lower() for name in distributions.get(package, [])}
            assert meeting & required, f"{file.name} imports {package}"


def test_driver_brings_video_codecs():
    capabilities = re.search(r"NVIDIA_DRIVER_CAPABILITIES=(\S+)", DOCKERFILE)
    assert capabilities
    assert {"compute", "video"} <= set(capabilities[1].split(","))


def test_mpi_is_on_the_path():
    assert re.search(r"\bPATH=\S*/usr/local/openmpi/bin:", DOCKERFILE)


def _ignored(folder: str, names: list[str]) -> list[str]:
    ignore = GitIgnoreSpec.from_lines((CONTEXT / ".dockerignore").read_text().splitlines())
    relative = Path(folder).relative_to(CONTEXT)
    return [name for name in names if ignore.match_file(str(relative / name))]


def _imported(file: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(file.read_text())))
    names = {each.name for node in nodes if isinstance(node, ast.Import) for each in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in names}
