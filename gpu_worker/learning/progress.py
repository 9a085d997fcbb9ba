"""Progress of a learning, in the files that the progress of a painting is told in."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gpu_worker.files import write_whole
from gpu_worker.plan import BUDGET_PARTS, Progress

_INTERVAL_SECONDS: Final = 2.0


class BudgetReporter:
    """Tells how much of the budget is spent, at most every two seconds."""

    def __init__(
        self, folder: Path, device: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Start with nothing said.

        Args:
            folder: where the file goes.
            device: what it learns on, for people.
            clock: seconds, rising.
        """
        self._folder = folder
        self._device = device
        self._clock = clock
        self._first: tuple[float, float] | None = None
        self._next = 0.0

    def __call__(self, spent: float) -> None:
        """Take note of the share of the budget that is spent, from 0 to 1."""
        now = self._clock()
        self._first = self._first or (now, spent)
        if self._next <= now or spent == 1:
            self._next = now + _INTERVAL_SECONDS
            self._write(spent, now)

    def _write(self, spent: float, now: float) -> None:
        since, before = self._first or (now, spent)
        rate = (spent - before) / (now - since) if now > since else 0.0
        parts = int(spent * BUDGET_PARTS)
        progress = Progress(0, parts, rate * BUDGET_PARTS, self._device)
        self._folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._folder / progress.name, progress.to_json().encode())
