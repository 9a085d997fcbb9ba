"""Steadying: each painted frame is averaged with its neighbours, along the motion of the video.

A network paints each frame by itself, and noise that nobody sees in a video becomes another stroke.
Of the neighbours' paintings each pixel is fetched from where the video says that it was or will be,
and counts as much as the video itself is the same there; it never counts more than in the frames
between, so nothing is fetched from another scene. As long as a shard comes with its neighbours, it
does not matter how a video is cut. To follow the flow of the input is the idea of Bonneel et al.
2015 ("Blind Video Temporal Consistency"); theirs follows it from the first frame on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, groupby, pairwise, repeat
from operator import attrgetter
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.frames.frame import Frame, Planes
from gpu_worker.frames.motion import Flow, Luma, Motion, Watcher

_TOLERANCE: Final = 0.07
"""Difference of luma, of 1, at which a neighbour counts a third (exp -1)."""
_AROUND: Final = (3, 3)
"""Pixels of the small luma over which the difference is looked at."""
_OUTSIDE: Final = 9.0
"""Luma beyond the edges: like nothing within."""

type Plane = NDArray[np.float32]
"""`(H, W)`: one component of a picture, in any range of values."""
type Neighbour = tuple[Painting, Flow, Plane]
"""What was painted, the way there, and how much each pixel of it counts, from 0 to 1; way and
count are of the size at which motion is looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class Painting:
    """A painted picture, and how the video moved of which it was painted.

    Attributes:
        planes: its components, which may differ in size.
        motion: from the frame before it.
    """

    planes: Sequence[Plane]
    motion: Motion


def watched(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Tell each of consecutive frames of one shard its motion."""
    watcher = Watcher()
    for frame in frames:
        luma, _, _ = _parted(frame.planes)
        yield replace(frame, motion=watcher.see(luma))


def steadied(painted: Iterable[Frame], reach: int, threads: int) -> Generator[Frame]:
    """Yield the frames of shards steadied, in order, without those that came along with them.

    What the last that came along tells of the shard's own frames, the last of these tells.

    Args:
        painted: of whole shards, each with `reach` frames before and after it, as far as there are
            any; each with the motion of the frame of which it was painted.
        reach: how many neighbours on either side count; at least 1.
        threads: in which to work.
    """
    with ThreadPoolExecutor(threads) as pool:
        on_their_way: deque[Future[Frame]] = deque()
        for near in _windows(painted, reach):
            on_their_way.append(pool.submit(_steadied, near, reach))
            if len(on_their_way) > threads:
                yield on_their_way.popleft().result()
        while on_their_way:
            yield on_their_way.popleft().result()


def averaged(
    painting: Painting, before: Iterable[Painting], after: Iterable[Painting]
) -> list[Plane]:
    """Average the planes of a painting with its neighbours', brought to the same place.

    Args:
        painting: of one frame.
        before: of those before it, the nearest first.
        after: of those after it, the nearest first.

    Raises:
        ValueError: one is said to come before a video's first.
    """
    planes = [plane.copy() for plane in painting.planes]
    sizes = {_size(plane) for plane in planes}
    weights = np.ones(painting.motion.luma.shape, np.float32)
    back = ((there, here.motion.back) for here, there in pairwise((painting, *before)))
    forth = ((there, there.motion.forth) for there in after)
    neighbours = chain(_neighbours(painting.motion, back), _neighbours(painting.motion, forth))
    for neighbour, way, weight in neighbours:
        larger = {size: (_longer(way, size), _larger(weight, size)) for size in sizes}
        for total, plane in zip(planes, neighbour.planes, strict=True):
            its_way, its_weight = larger[_size(plane)]
            cv2.accumulateProduct(_fetched(plane, its_way), its_weight, total)
        weights += weight
    return [total / _larger(weights, _size(total)) for total in planes]


def _neighbours(here: Motion, steps: Iterable[tuple[Painting, Flow | None]]) -> Iterator[Neighbour]:
    """Go from neighbour to neighbour on one side, each step from the one before it."""
    luma = _as_float(here.luma)
    way, weight = np.zeros((*luma.shape, 2), np.float32), np.ones_like(luma)
    for painting, step in steps:
        if step is None:
            raise ValueError("before a video's first frame there is none")
        way = way + _fetched(step, way)
        there = _fetched(_as_float(painting.motion.luma), way, outside=_OUTSIDE)
        difference = cv2.blur(np.square(luma - there), _AROUND) / _TOLERANCE**2
        weight = np.minimum(weight, np.exp(-difference))
        yield painting, way, weight


def _windows(painted: Iterable[Frame], reach: int) -> Iterator[list[Frame | None]]:
    """Yield each of the shards' own frames amid its neighbours; None where there is none."""
    for _, of_shard in groupby(painted, attrgetter("shard")):
        near: deque[Frame | None] = deque([None] * (2 * reach + 1), 2 * reach + 1)
        for frame in chain(of_shard, repeat(None, reach)):
            near.append(frame)
            if (middle := near[reach]) and middle.is_of_shard:
                yield [*near]


def _steadied(near: Sequence[Frame | None], reach: int) -> Frame:
    before = [each for each in near[:reach] if each][::-1]
    frame, *after = (each for each in near[reach:] if each)
    planes = averaged(_painting(frame), map(_painting, before), map(_painting, after))
    steady = replace(frame, planes=_joined(planes), motion=None)
    if frame.index < frame.shard.last - 1:
        return steady
    last, own = (frame, *after)[-1], range(frame.shard.first, frame.shard.last)
    return replace(
        steady,
        concealed=tuple(index for index in last.concealed if index in own),
        scaled=tuple(index for index in last.scaled if index in own),
    )


def _painting(frame: Frame) -> Painting:
    if frame.motion is None:
        raise ValueError(f"nobody has watched frame {frame.index}")
    return Painting([plane.astype(np.float32) for plane in _parted(frame.planes)], frame.motion)


def _parted(planes: Planes) -> tuple[Planes, Planes, Planes]:
    """Look at luma, U and V as pictures of their own: `(H, W)` and twice `(H/2, W/2)`."""
    rows, width = planes.shape
    height = rows * 2 // 3
    chroma = planes[height:].reshape(2, height // 2, width // 2)
    return planes[:height], chroma[0], chroma[1]


def _joined(parts: Sequence[Plane]) -> Planes:
    """Round the three parts of a picture to 8 bits and put them one after the other."""
    codes = np.concatenate([np.rint(part).astype(np.uint8).ravel() for part in parts])
    # Not each part by itself: where half of the height is odd, one of chroma ends within a row.
    return codes.reshape(-1, parts[0].shape[1])


def _fetched(source: Plane | Flow, way: Flow, outside: float | None = None) -> NDArray[np.float32]:
    """Take each pixel from where its way leads; beyond the edges `outside`, else the nearest."""
    border = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
    places = way + _places(*way.shape[:2])
    return cv2.remap(
        source, places, None, cv2.INTER_LINEAR, borderMode=border, borderValue=outside or 0.0
    )


@lru_cache(maxsize=4)
def _places(height: int, width: int) -> Flow:
    """Where each pixel is: x and y."""
    columns, rows = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    return np.stack(np.meshgrid(columns, rows), axis=-1)


def _longer(way: Flow, size: tuple[int, int]) -> Flow:
    """Enlarge a way to a picture of that width and height, its steps with it."""
    return _larger(way, size) * np.divide(size, way.shape[1::-1], dtype=np.float32)


def _larger(small: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    return cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)


def _size(plane: Plane) -> tuple[int, int]:
    """Width and height, as OpenCV has them."""
    return plane.shape[1], plane.shape[0]


def _as_float(luma: Luma) -> Plane:
    return luma.astype(np.float32) / np.float32(255)
