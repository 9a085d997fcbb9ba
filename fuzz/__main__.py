"""`python -m fuzz`: send mutants on their way, keep what comes of them, say if any broke a rule."""

from __future__ import annotations

import argparse
import json
import logging
import os
import socket
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from random import Random
from subprocess import DEVNULL, Popen
from typing import Any

from azure.storage.blob import BlobServiceClient

from emulator import azurite
from emulator.config import HOST, PROJECT_ROOT, Config
from fuzz import seeds
from fuzz.journey import REFUSED, RESULT, VIOLATION, End, travel, uploaded
from fuzz.mutators import MUTATORS
from fuzz.specials import specials

RESULTS = PROJECT_ROOT / "benchmarks" / "results" / "fuzz.json"
FAILURES = PROJECT_ROOT / "out" / "fuzz"
MOST_MUTATIONS = 3
FRESH_AFTER = 500
"""Mutants after which a new Azurite is set up: an old one is slow with its thousands of blobs."""
SAVE_EVERY = 25
START_S = 60.0
WORST = 5
SETTINGS = {
    "AML_PROCESSES_PER_NODE": "1",
    "MAX_PIXELS": str(1920 * 1088),
    "MAX_FRAMES": "2000",
    "MAX_MINUTES": "10",
    "CHILD_CPU_SECONDS": "20",
    "CHILD_MEMORY_MIB": "512",
}


def main() -> int:
    """Run what the command line asks for; return 1 where a mutant broke a rule."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--mutants", type=int, default=2000, help="how many, the specials included")
    parser.add_argument("--first", type=int, default=0, help="the first mutant's number")
    parser.add_argument("--again", action="store_true", help="begin anew, not where it stopped")
    arguments = parser.parse_args()
    kept: dict[str, Any] = {"ends": {}}
    if RESULTS.exists() and not arguments.again:
        kept = json.loads(RESULTS.read_text())
    numbers = range(arguments.first, arguments.first + arguments.mutants)
    left = [number for number in numbers if str(number) not in kept["ends"]]
    for start in range(0, len(left), FRESH_AFTER):
        _run(left[start : start + FRESH_AFTER], kept)
    summary = summarised(kept["ends"])
    print(json.dumps(summary, indent=1))
    return 1 if summary["violations"] else 0


def _run(numbers: list[int], kept: dict[str, Any]) -> None:
    for at, (number, name, end) in enumerate(journeys(numbers), 1):
        detail = "" if end.outcome in {RESULT, REFUSED} else end.detail
        kept["ends"][str(number)] = [name, end.outcome, detail, end.seconds, end.peak_mib]
        if at % SAVE_EVERY == 0 or at == len(numbers):
            kept["date"] = datetime.now(UTC).date().isoformat()
            kept["summary"] = summarised(kept["ends"])
            RESULTS.write_text(json.dumps(kept) + "\n")


def journeys(numbers: list[int]) -> Iterator[tuple[int, str, End]]:
    """Send mutants on their way through an Azurite of their own; yield how each ended."""
    with (
        _storage() as config,
        _traveller(config) as send,
        _trap() as (file, url),
        tempfile.TemporaryDirectory() as folder,
    ):
        good = seeds.make(Path(folder))
        hurtful = specials(good, file, url)
        for number in numbers:
            name, content = mutant(number, good, hurtful)
            end = send(f"{number:05}-{name}", content)
            if end.outcome == VIOLATION:
                FAILURES.mkdir(parents=True, exist_ok=True)
                (FAILURES / f"{number:05}-{name}").write_bytes(content)
                print(f"{number} {name}: {end}", flush=True)
            yield number, name, end


def mutant(number: int, good: dict[str, bytes], hurtful: dict[str, bytes]) -> tuple[str, bytes]:
    """Return name and content of a mutant: first the specials, then seeds as dice change them."""
    if number < len(hurtful):
        return list(hurtful.items())[number]
    dice = Random(number)
    name = list(good)[number % len(good)]
    content = good[name]
    for mutate in dice.choices(MUTATORS, k=dice.randint(1, MOST_MUTATIONS)):
        content = mutate(content, dice) or content
    return name, content


def summarised(ends: dict[str, list[Any]]) -> dict[str, Any]:
    """Count the ends, and name the slowest and the biggest."""
    by_seed: dict[str, Counter[str]] = defaultdict(Counter)
    for name, outcome, *_ in ends.values():
        by_seed[name if name in seeds.RECIPES else "specials"][outcome] += 1
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


@contextmanager
def _traveller(config: Config) -> Generator[Callable[[str, bytes], End]]:
    """Give a way to send a file on its journey, by a new process with the app's settings.

    A child inherits the memory of its parent, which counts against its own limit: so the parent of
    those under limits is small, whoever asks for journeys.
    """
    with (
        ProcessPoolExecutor(
            1, get_context("spawn"), initializer=_prepare, initargs=(config.app_settings,)
        ) as process,
        BlobServiceClient.from_connection_string(config.storage) as storage,
    ):

        def send(name: str, content: bytes) -> End:
            return process.submit(travel, uploaded(storage, name, content)).result()

        yield send


def _prepare(settings: dict[str, str]) -> None:
    os.environ.update(settings)
    logging.disable(logging.WARNING)  # what FFmpeg says of each mutant


@contextmanager
def _storage() -> Generator[Config]:
    """Run Azurite."""
    with tempfile.TemporaryDirectory() as folder:
        config = Config.on_free_ports(Path(folder), settings=SETTINGS)
        with Popen(azurite.command(config), stdout=DEVNULL) as process:
            try:
                _wait_for(config.blob_port)
                azurite.furnish(config)
                yield config
            finally:
                process.terminate()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection((HOST, port)):
            return
        time.sleep(0.1)


@contextmanager
def _trap() -> Generator[tuple[str, str]]:
    """Give a pipe that hangs whoever opens it, and a server that tells if anybody asked.

    Raises:
        RuntimeError: somebody did.
    """
    with tempfile.TemporaryDirectory() as folder, socket.create_server((HOST, 0)) as server:
        pipe = Path(folder) / "trap.mp4"
        os.mkfifo(pipe)
        yield str(pipe), f"http://{HOST}:{server.getsockname()[1]}"
        server.setblocking(False)
        try:
            server.accept()
        except BlockingIOError:
            return
        raise RuntimeError("a file made something ask the server that it names")


if __name__ == "__main__":
    sys.exit(main())
