"""Progress: what all ranks have painted so far, in one small file beside the shards."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from gpu_worker.files import write_whole
from gpu_worker.frames.frame import Frame, Planes
from gpu_worker.frames.still import jpeg, still
from gpu_worker.plan import PREVIEW_NAME, Picture, Progress
from gpu_worker.ranks.metrics import Metrics
from gpu_worker.ranks.tally import Tally

_INTERVAL_SECONDS: Final = 4.0
_RATE_SECONDS: Final = 10.0
_PREVIEW_SECONDS: Final = 8.0
_PREVIEW_WIDTH: Final = 640


class Reporter:
    """Counts the frames of one rank and tells them at most every four seconds.

    Rank 0 writes the progress of all ranks, and beside it its latest frame as a preview for people.
    """

    def __init__(
        self,
        folder: Path,
        tally: Tally,
        device: str,
        picture: Picture,
        clock: Callable[[], float] = time.monotonic,
        metrics: Metrics | None = None,
    ) -> None:
        """Start at no frame, and tell that.

        Args:
            folder: where the files go.
            tally: of all ranks.
            device: what it paints on, for people.
            picture: how the planes code colours, and which way is up.
            clock: seconds, rising.
            metrics: are told the same; None where nobody wants them.
        """
        self._metrics = metrics
        self._folder = folder
        self._tally = tally
        self._device = device
        self._picture = picture
        self._clock = clock
        self._frames = 0
        self._recent = deque([(clock(), 0)])
        self._latest: Planes | None = None
        self._written = self._shown = clock()
        self.add_up()

    def watch(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Pass painted frames on, counting them."""
        for frame in frames:
            self.count(frame)
            yield frame

    def count(self, frame: Frame) -> None:
        """Count one frame that is done."""
        self._frames += 1
        self._latest = frame.planes
        if self._clock() - self._recent[-1][0] >= _INTERVAL_SECONDS:
            self._tell()

    def finish(self) -> None:
        """Tell the last of a rank that has nothing left to paint; show its latest frame."""
        self._tally.put(self._frames, 0.0)
        self.add_up()
        self._show()

    def keep_up(self) -> None:
        """Write what others have told, if it is time to; of a rank that waits for them."""
        if self._clock() - self._written >= _INTERVAL_SECONDS:
            self.add_up()

    def _tell(self) -> None:
        now = self._clock()
        while len(self._recent) > 1 and now - self._recent[0][0] > _RATE_SECONDS:
            self._recent.popleft()
        since, frames = self._recent[0]
        self._recent.append((now, self._frames))
        self._tally.put(self._frames, (self._frames - frames) / (now - since))
        self.add_up()
        if now - self._shown >= _PREVIEW_SECONDS:
            self._show()

    def add_up(self) -> None:
        """Write what all ranks have told; rank 0 does."""
        if not self._tally.is_kept_here:
            return
        progress = Progress(0, *self._tally.total(), self._device)
        write_whole(self._folder / progress.name, progress.to_json().encode())
        if self._metrics is not None:
            self._metrics.tell(progress)
        self._written = self._clock()

    def _show(self) -> None:
        if self._tally.is_kept_here and self._latest is not None:
            write_whole(self._folder / PREVIEW_NAME, preview(self._latest, self._picture))
            self._shown = self._clock()


def preview(planes: Planes, picture: Picture) -> bytes:
    """Return a frame as people see it: a JPEG, upright, of square pixels, at most 640 wide."""
    return jpeg(still(planes, picture, _PREVIEW_WIDTH))
