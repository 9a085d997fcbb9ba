"""Timing: the best of some rounds, which is the least disturbed by whatever else a machine does."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import torch

ROUNDS = 8


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


def _finish() -> None:
    """Wait for what was queued on a GPU."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
