"""What the workers of an emulator did: when they ran, and which shards they painted."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import psutil

LOOK_S = 0.1
"""Seconds from look to look for workers."""
_PAINTED = re.compile(r"shard (\d+): frames \d+ to \d+")


@dataclass(frozen=True, slots=True)
class Seen:
    """A worker that was there.

    Attributes:
        run: folder of its run in Azure Machine Learning, which begins with the job's id.
        at: on the clock of `time.monotonic`, seconds.
    """

    run: str
    at: float


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


def painted(state: Path, job_id: str) -> tuple[Counter[int], int]:
    """Return how often each shard of a job was painted to its end, and in how many attempts."""
    logs = list(state.glob(f"jobs/{job_id}-a*/user_logs/std_log.txt"))
    shards = (shard for log in logs for shard in _PAINTED.findall(log.read_text()))
    return Counter(map(int, shards)), len(logs)
