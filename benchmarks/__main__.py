"""All benchmarks that a machine can run by itself, one after the other: `make bench`.

Let nothing else run. `benchmarks.gpu` does what needs a GPU; `benchmarks.picture`, `twin` and
`flicker` want pictures or videos, `flood` wants patience.

    python -m benchmarks
"""

from __future__ import annotations

import subprocess
import sys

from rich.console import Console

from benchmarks import report

BENCHMARKS = (
    "network",
    "end_to_end",
    "job",
    "presets",
    "join",
    "listing",
    "mix",
    "package",
    "polls",
    "records",
    "turns",
    "scale",
)
"""`scale` last: it builds on what others have kept."""


def main() -> int:
    """Run each in a process of its own; return how many failed."""
    options = report.options("benchmarks", __doc__).parse_args()
    failed = 0
    for name in BENCHMARKS:
        Console().rule(f"benchmarks.{name}")
        command = [sys.executable, "-m", f"benchmarks.{name}", "--results", options.results]
        failed += bool(subprocess.run(command).returncode)
    return failed


if __name__ == "__main__":
    sys.exit(main())
