"""Progress: what a rank has painted so far, in small files beside the shards."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from gpu_worker.files import write_whole
from gpu_worker.frame import Frame, Planes
from gpu_worker.plan import PREVIEW_NAME, Picture, Progress
from gpu_worker.still import jpeg, still

_INTERVAL_SECONDS: Final = 2.0
_RATE_SECONDS: Final = 10.0
_PREVIEW_WIDTH: Final = 640


class Reporter:
    """Counts the frames of one rank and writes its progress file at most every two seconds.

    Rank 0 writes its latest frame beside it, as a preview for people.
    """

    def __init__(
        self,
        folder: Path,
        rank: int,
        device: str,
        picture: Picture,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start at no frame, and write that.

        Args:
            folder: where the files go.
            rank: of this process in its MPI world.
            device: what it paints on, for people.
            picture: how the planes code colours, and which way is up.
            clock: seconds, rising.
        """
        self._folder = folder
        self._rank = rank
        self._device = device
        self._picture = picture
        self._clock = clock
        self._frames = 0
        self._recent = deque([(clock(), 0)])
        self._latest: Planes | None = None
        self._write(frames_per_second=0.0)

    def watch(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Pass painted frames on, counting them."""
        for frame in frames:
            self._frames += 1
            self._latest = frame.planes
            if self._clock() - self._recent[-1][0] >= _INTERVAL_SECONDS:
                self._report()
            yield frame

    def finish(self) -> None:
        """Write the last report: of a rank that does nothing any more."""
        self._write(frames_per_second=0.0)

    def _report(self) -> None:
        now = self._clock()
        while len(self._recent) > 1 and now - self._recent[0][0] > _RATE_SECONDS:
            self._recent.popleft()
        since, frames = self._recent[0]
        self._recent.append((now, self._frames))
        self._write((self._frames - frames) / (now - since))

    def _write(self, frames_per_second: float) -> None:
        progress = Progress(self._rank, self._frames, frames_per_second, self._device)
        write_whole(self._folder / progress.name, progress.to_json().encode())
        if self._rank == 0 and self._latest is not None:
            write_whole(self._folder / PREVIEW_NAME, preview(self._latest, self._picture))


def preview(planes: Planes, picture: Picture) -> bytes:
    """Return a frame as people see it: a JPEG, upright, of square pixels, at most 640 wide."""
    return jpeg(still(planes, picture, _PREVIEW_WIDTH))
