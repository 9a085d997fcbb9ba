"""Where a benchmark's figures go: to the screen, and beside the machine they were taken on."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results")


def keep(name: str, packages: tuple[str, ...], result: Mapping[str, Any]) -> str:
    """Write `results/<name>.json`: the result, the date, the machine, versions; return its text."""
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
    (RESULTS / f"{name}.json").write_text(f"{text}\n")
    return text


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
