"""What the documents say to type, typed: blocks marked `run` work on a running system."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Atelier
from tests.end_to_end.media import Media

ROOT = Path(__file__).parents[2]
SHELLS = {"sh": ["sh", "-eu", "-c"], "python": [sys.executable, "-c"]}
VIDEOS = ("holiday.mp4", "beach.mp4")


def blocks() -> Iterator[object]:
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        marked = re.findall(r"^```(\w+) run\n(.*?)^```", document.read_text(), re.S | re.M)
        for number, (language, code) in enumerate(marked):
            yield pytest.param(language, code, id=f"{document.name} {number}")


@pytest.fixture
def folder(media: Media, tmp_path: Path) -> Path:
    """A folder with a few videos, and the project's commands where the documents have them."""
    for name in VIDEOS:
        (tmp_path / name).write_bytes(media.moving(1))
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    return tmp_path


@pytest.mark.parametrize(("language", "code"), list(blocks()))
def test_a_block_works_as_it_stands(
    atelier: Atelier, folder: Path, language: str, code: str
) -> None:
    environment = os.environ | {
        "ATELIER_URL": atelier.config.host_url,
        "PATH": f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    answer = subprocess.run(
        [*SHELLS[language], code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
