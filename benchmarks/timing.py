"""Timing: the best of some rounds, which is the least disturbed by whatever else a machine does."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

ROUNDS = 8


def best_seconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Run `work` twice to warm up, then return the shortest of some rounds in seconds."""
    work()
    work()
    return min(_seconds(work) for _ in range(rounds))


def _seconds(work: Callable[[], object]) -> float:
    _finish()
    start = time.perf_counter()
    work()
    _finish()
    return time.perf_counter() - start


def _finish() -> None:
    """Wait for what was queued on a GPU."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
