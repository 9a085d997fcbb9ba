"""All benchmarks on the machine at hand, one after the other: `make bench`.

Each keeps what it measured in `results/`. They take about ten minutes on two cores; let nothing
else run. `benchmarks.gpu` does what needs a GPU.
"""

from __future__ import annotations

import subprocess
import sys

from rich.console import Console

BENCHMARKS = ("network", "end_to_end", "job", "presets", "join", "scale")


def main() -> int:
    """Run each in a process of its own; return how many failed."""
    failed = 0
    for name in BENCHMARKS:
        Console().rule(f"benchmarks.{name}")
        failed += bool(subprocess.run([sys.executable, "-m", f"benchmarks.{name}"]).returncode)
    return failed


if __name__ == "__main__":
    sys.exit(main())
