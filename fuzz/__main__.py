"""`python -m fuzz`: send mutants on their way, keep what comes of them, say if any broke a rule."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from emulator.config import PROJECT_ROOT
from function_app.options.container import Container
from fuzz import kinds, seeds
from fuzz.campaign import arrivals, comparisons, journeys, outcomes
from fuzz.journey import REFUSED, RESULT, VIOLATION

RESULTS = PROJECT_ROOT / "benchmarks" / "results" / "fuzz.json"
FRESH_AFTER = 500
"""Mutants after which a new Azurite is set up: an old one is slow with its thousands of blobs."""
SAVE_EVERY = 25
WORST = 5


def main() -> int:
    """Run what the command line asks for; return 1 where a mutant broke a rule."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--mutants", type=int, default=4000, help="how many, the specials included")
    parser.add_argument("--first", type=int, default=0, help="the first mutant's number")
    parser.add_argument("--again", action="store_true", help="begin anew, not where it stopped")
    parser.add_argument(
        "--results", type=Path, default=RESULTS, metavar="FILE", help="where to keep how each ended"
    )
    parser.add_argument(
        "--seeks",
        type=Path,
        nargs="*",
        metavar="FILE",
        help="instead, hold each shard of these files (of the seeds) against decoding at one go",
    )
    parser.add_argument(
        "--files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="instead, send these good files as they are, and print a table of what arrives",
    )
    parser.add_argument(
        "--container", default=Container.MP4, choices=list(Container), help="of their results"
    )
    parser.add_argument(
        "--table",
        action="store_true",
        help="instead, write the table of docs/files.md",
    )
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where to keep their results")
    arguments = parser.parse_args()
    if arguments.files is not None:
        return _send(arguments.files, arguments.container, arguments.keep)
    if arguments.table:
        kinds.put_into_page(table())
        return 0
    if arguments.seeks is not None:
        return _seek(arguments.seeks)
    results: Path = arguments.results
    kept: dict[str, Any] = {"ends": {}}
    if results.exists() and not arguments.again:
        kept = json.loads(results.read_text())
    numbers = range(arguments.first, arguments.first + arguments.mutants)
    left = [number for number in numbers if str(number) not in kept["ends"]]
    for start in range(0, len(left), FRESH_AFTER):
        _run(left[start : start + FRESH_AFTER], kept, results)
    summary = summarised(kept["ends"])
    print(json.dumps(summary, indent=1))
    return 1 if summary["violations"] else 0


def table() -> str:
    """Preprocess each seed, for a result in either container; return what becomes of it."""
    with tempfile.TemporaryDirectory() as folder:
        good = seeds.make(Path(folder))
    ends = [list(outcomes(good.items(), container)) for container in Container]
    return "\n".join((kinds.HEAD, *kinds.rows(good, *ends)))


def _seek(files: list[Path]) -> int:
    different = 0
    for name, what in comparisons(files):
        print(f"{name}: {what or 'the same'}", flush=True)
        different += bool(what)
    return 1 if different else 0


def _send(files: list[Path], container: str, folder: Path | None) -> int:
    wrong = 0
    print("| File | Frames by FFmpeg | Delivered | The same | Notes |\n|---|---|---|---|---|")
    for name, end in arrivals(files, container):
        same = "" if end.outcome != RESULT else end.differs or "yes"
        said = end.said if end.outcome == RESULT else f"{end.outcome}: {end.said}"
        print(f"| {name} | {end.by_ffmpeg} | {end.delivered} | {same} | {said} |", flush=True)
        if folder and end.result:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.{container}").write_bytes(end.result)
        wrong += end.outcome in {VIOLATION, RESULT} and not end.is_exact
    return 1 if wrong else 0


def _run(numbers: list[int], kept: dict[str, Any], results: Path) -> None:
    for at, (number, name, end) in enumerate(journeys(numbers), 1):
        detail = "" if end.outcome in {RESULT, REFUSED} else end.detail
        kept["ends"][str(number)] = [name, end.outcome, detail, end.seconds, end.peak_mib]
        if at % SAVE_EVERY == 0 or at == len(numbers):
            kept["date"] = datetime.now(UTC).date().isoformat()
            kept["summary"] = summarised(kept["ends"])
            results.write_text(json.dumps(kept) + "\n")


def summarised(ends: dict[str, list[Any]]) -> dict[str, Any]:
    """Count the ends, and name the slowest and the biggest."""
    by_seed: dict[str, Counter[str]] = defaultdict(Counter)
    for name, outcome, *_ in ends.values():
        by_seed[name if name in seeds.NAMES else "specials"][outcome] += 1
    seconds = sorted(end[3] for end in ends.values())
    return {
        "mutants": len(ends),
        "outcomes": dict(Counter(end[1] for end in ends.values())),
        "by_seed": {name: dict(counts) for name, counts in sorted(by_seed.items())},
        "violations": [number for number, end in ends.items() if end[1] == VIOLATION],
        "seconds": {"median": seconds[len(seconds) // 2], "most": seconds[-1]},
        "peak_mib": max(end[4] for end in ends.values()),
        "slowest": _worst(ends, 3),
        "biggest": _worst(ends, 4),
    }


def _worst(ends: dict[str, list[Any]], column: int) -> list[str]:
    worst = sorted(ends.items(), key=lambda item: -item[1][column])[:WORST]
    return [f"{number} {end[0]}: {end[column]}" for number, end in worst]


if __name__ == "__main__":
    sys.exit(main())
