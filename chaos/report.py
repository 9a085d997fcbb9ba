"""The table of faults, moments and outcomes, from the trials' JSON into docs/reliability.md."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from chaos.schedule import FAULTS, MOMENTS, Schedule, Strike
from emulator.config import PROJECT_ROOT

RESULTS = PROJECT_ROOT / "benchmarks" / "results" / "chaos.json"
PAGE = PROJECT_ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- the table of `make chaos` -->\n", "<!-- its end -->"
LETTERS = {"Completed": "R", "Failed": "F", "Cancelled": "C"}


def read() -> dict[str, Any]:
    """Return what was kept of the trials so far."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {"trials": []}


def schedule(trial: dict[str, Any]) -> Schedule:
    """Return the schedule that a kept trial was of."""
    strikes = (Strike(each["fault"], each["moment"], each["nth"]) for each in trial["strikes"])
    return Schedule(trial["seed"], trial["clip"], tuple(strikes))


def write(kept: dict[str, Any]) -> None:
    """Keep what came of the trials."""
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")


def table(trials: list[dict[str, Any]]) -> str:
    """Lay out which outcomes each fault had at each moment."""
    outcomes: dict[tuple[str, str], list[str]] = defaultdict(list)
    for trial in trials:
        letter = "**!**" if trial["violations"] else LETTERS.get(trial["status"], "?")
        for strike in trial["strikes"]:
            if strike["hit"]:
                outcomes[strike["fault"], strike["moment"]].append(letter)
    moments = ["upload", *MOMENTS, "end"]
    rows = [
        f"| {fault} | " + " | ".join(_cell(outcomes, fault, each) for each in moments) + " |"
        for fault in FAULTS
    ]
    head = f"| | {' | '.join(moments)} |\n|---{'|---' * len(moments)}|"
    return "\n".join([head, *rows, ""])


def _cell(outcomes: dict[tuple[str, str], list[str]], fault: str, moment: str) -> str:
    found = outcomes.get((fault, moment))
    if found:
        return " ".join(sorted(set(found)))
    return "·" if moment in FAULTS[fault] else ""


def put_into(page: Path, text: str) -> None:
    """Put a table between the marks of a page."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")
