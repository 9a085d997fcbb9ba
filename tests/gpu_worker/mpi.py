"""Real MPI for the tests."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def mpiexec(ranks: int, *words: str | Path) -> list[str]:
    """Return the command that runs Python on so many ranks."""
    launcher = Path(sys.executable).with_name("mpiexec")
    return [str(launcher), "-n", str(ranks), sys.executable, *map(str, words)]


def environment(**extra: str) -> dict[str, str]:
    """Return the environment for a rank: the project to import, one thread, warnings are errors."""
    own = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error"}
    return os.environ | own | extra


def run(ranks: int, *words: str | Path, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run Python on so many ranks, to its end."""
    return subprocess.run(
        mpiexec(ranks, *words),
        capture_output=True,
        text=True,
        env=environment(**extra),
        cwd=ROOT,
        timeout=120,
        check=False,
    )
