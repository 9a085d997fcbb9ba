"""What all benchmarks share: options, tables, and results kept beside what they were taken on."""

from __future__ import annotations

import json
import os
import platform
import sys
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).with_name("results")
WIDTH = 120
"""Of tables, in characters, where no terminal says how wide it is."""


def command(module: str, description: str | None) -> ArgumentParser:
    """Begin the command line of `python -m <module>`, the description laid out as it is."""
    return ArgumentParser(
        prog=f"python -m {module}",
        description=description,
        formatter_class=RawDescriptionHelpFormatter,
    )


def options(module: str, description: str | None) -> ArgumentParser:
    """Begin the command line of `python -m <module>`, with where to keep the results."""
    parser = command(module, description)
    parser.add_argument(
        "--results",
        type=Path,
        default=RESULTS,
        metavar="FOLDER",
        help="where to keep what was measured (default: benchmarks/results)",
    )
    return parser


def times(text: str) -> int:
    """Read how often something is to be measured, from a command line.

    Raises:
        ArgumentTypeError: not even once.
    """
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentTypeError(f"{text!r} is no number of times: at least 1")
    return int(text)


def show(title: str, rows: Sequence[Mapping[str, object]], caption: str | None = None) -> None:
    """Print rows of the same keys as a table: words to the left, figures to the right."""
    table = Table(title=title, caption=caption)
    for key, value in rows[0].items():
        side = "left" if isinstance(value, str) else "right"
        table.add_column(key.replace("_", " "), justify=side)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    Console(width=None if sys.stdout.isatty() else WIDTH).print(table)


def keep(folder: Path, name: str, packages: Sequence[str], result: Mapping[str, object]) -> str:
    """Write `<name>.json`, the result with the date, the machine and versions; return its text."""
    report = {
        "benchmark": name,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} x {_processor()}",
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in packages},
        },
        "result": result,
    }
    text = json.dumps(report, indent=2)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(f"{text}\n")
    return text


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
