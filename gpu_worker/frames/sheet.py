"""The sheet: a few frames of a video, above as they were, below as painted; and the poster.

A rank keeps the pairs among the frames that it paints as files beside the shards, each before its
shard is there: so a pair outlives the attempt that painted it, as the shard does.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from mpi4py import MPI
from PIL import Image

from gpu_worker.files import write_whole
from gpu_worker.frames.frame import Frame
from gpu_worker.frames.still import jpeg, still
from gpu_worker.plan import POSTER_NAME, SHEET_NAME, Plan, is_whole_jpeg

COLUMNS: Final = 3
POSTER_WIDTH: Final = 640
TILE: Final = (480, 480)
GAP: Final = 6
_KEPT_QUALITY: Final = 95


def sampled(frames: int) -> tuple[int, ...]:
    """Return which frames of so many stand on the sheet: evenly spread, none twice, rising."""
    return tuple(sorted({frames * (2 * column + 1) // (2 * COLUMNS) for column in range(COLUMNS)}))


class Sampler:
    """Keeps frames of one rank before and after they are painted.

    Args:
        plan: of the job.
        folder: where the pairs go: that of the shards.
    """

    def __init__(self, plan: Plan, folder: Path) -> None:
        """Begin with no pair."""
        self._plan = plan
        self._folder = folder
        self._wanted = frozenset(sampled(plan.frame_count))
        self._before: dict[int, Image.Image] = {}
        self._pairs: dict[int, bytes] = {}

    def before(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Pass frames on as they were, keeping those that are wanted."""
        for frame in frames:
            if frame.is_of_shard and frame.index in self._wanted:
                self._before[frame.index] = self._still(frame)
            yield frame

    def after(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Pass painted frames on, writing the pairs that are wanted."""
        for frame in frames:
            if frame.index in self._wanted:
                self._keep(frame.index, self._before.pop(frame.index), self._still(frame))
            yield frame

    def finish(self, comm: MPI.Intracomm) -> Image.Image | None:
        """Write sheet and poster, on rank 0, of the pairs of all ranks and of earlier attempts.

        Returns:
            The frame of the poster as it was; None on other ranks, and where there is none.
        """
        gathered = comm.gather(self._pairs)
        if gathered is None:
            return None
        new = {index: pair for pairs in gathered for index, pair in pairs.items()}
        pairs = [new.get(index) or self._kept(index) for index in sorted(self._wanted)]
        images = [Image.open(io.BytesIO(pair)) for pair in pairs if pair]
        if not images:
            return None
        before, after = _halves(images[len(images) // 2])
        write_whole(self._folder / POSTER_NAME, jpeg(after))
        write_whole(self._folder / SHEET_NAME, jpeg(lay_out(images)))
        return before

    def _still(self, frame: Frame) -> Image.Image:
        return still(frame.planes, self._plan.picture, POSTER_WIDTH)

    def _keep(self, index: int, before: Image.Image, after: Image.Image) -> None:
        self._pairs[index] = jpeg(_stacked(before, after), _KEPT_QUALITY)
        write_whole(self._file(index), self._pairs[index])

    def _kept(self, index: int) -> bytes | None:
        """Return a pair of an earlier attempt; None where there is none, or not the whole of it."""
        file = self._file(index)
        content = file.read_bytes() if file.exists() else b""
        return content if is_whole_jpeg(content) else None

    def _file(self, index: int) -> Path:
        return self._folder / sample_name(index)


def sample_name(index: int) -> str:
    """File name of a pair; beside the shards, for later attempts alone."""
    return f"sample-{index:08d}.jpg"


def lay_out(pairs: Iterable[Image.Image]) -> Image.Image:
    """Lay pairs out side by side on white; a pair is as wide as a frame and two frames high."""
    columns = [[_tile(half) for half in _halves(pair)] for pair in pairs]
    width, height = columns[0][0].size
    across, down = width + GAP, height + GAP
    sheet = Image.new("RGB", (across * len(columns) - GAP, down * 2 - GAP), "white")
    for x, column in enumerate(columns):
        for y, tile in enumerate(column):
            sheet.paste(tile, (x * across, y * down))
    return sheet


def _stacked(upper: Image.Image, lower: Image.Image) -> Image.Image:
    pair = Image.new("RGB", (upper.width, upper.height * 2))
    pair.paste(upper, (0, 0))
    pair.paste(lower, (0, upper.height))
    return pair


def _halves(pair: Image.Image) -> tuple[Image.Image, Image.Image]:
    width, half = pair.width, pair.height // 2
    return pair.crop((0, 0, width, half)), pair.crop((0, half, width, half * 2))


def _tile(image: Image.Image) -> Image.Image:
    image.thumbnail(TILE)
    return image
