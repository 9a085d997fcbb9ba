"""Running benchmarks as commands, at toy size."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"


def run(name: str, *words: str | Path) -> None:
    """Run a benchmark on one core: on a busy machine threads would wait for each other."""
    core = str(min(os.sched_getaffinity(0)))
    command = ["taskset", "--cpu-list", core, sys.executable, "-m", f"benchmarks.{name}"]
    done = subprocess.run(
        [*command, *map(str, words)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def kept(folder: Path, name: str) -> dict[str, Any]:
    """What a benchmark has kept there, which says where and with what it was measured."""
    report = json.loads((folder / f"{name}.json").read_text())
    assert report.keys() == {"benchmark", "date", "machine", "versions", "result"}
    assert report["benchmark"] == name
    return report["result"]
