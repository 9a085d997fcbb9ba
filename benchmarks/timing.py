"""Timing: the best of some rounds, and when workers run.

The best of some rounds is the least disturbed by whatever else a machine does.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import psutil
import torch

ROUNDS = 8
LOOK_S = 0.1
"""Seconds from look to look for workers."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A worker that was there.

    Attributes:
        run: folder of its run in Azure Machine Learning, which begins with the job's id.
        at: on the clock of `time.monotonic`, seconds.
    """

    run: str
    at: float


def best_seconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Run `work` twice to warm up, then return the shortest of some rounds in seconds."""
    work()
    work()
    return min(seconds(work) for _ in range(rounds))


def seconds(work: Callable[[], object]) -> float:
    """Return the seconds that `work` takes, with what it leaves to a GPU."""
    _finish()
    start = time.perf_counter()
    work()
    _finish()
    return time.perf_counter() - start


def children_seconds() -> float:
    """Return the CPU seconds of all processes that were started from here and have ended."""
    spent = os.times()
    return spent.children_user + spent.children_system


@contextmanager
def scoring(state: Path) -> Generator[list[Seen]]:
    """Give the workers of an emulator, each as often as it was seen."""
    seen: list[Seen] = []
    leaving = Event()
    watch = Thread(target=_watch, args=(state, seen, leaving))
    watch.start()
    try:
        yield seen
    finally:
        leaving.set()
        watch.join()


def _watch(state: Path, seen: list[Seen], leaving: Event) -> None:
    jobs = state / "jobs"
    while not leaving.wait(LOOK_S):
        now = time.monotonic()
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or ()
            if "gpu_worker.score" in words:
                places = (Path(word) for word in words if word.startswith(f"{jobs}/"))
                seen.extend(Seen(place.relative_to(jobs).parts[0], now) for place in places)


def _finish() -> None:
    """Wait for what was queued on a GPU."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
