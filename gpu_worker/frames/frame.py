"""One frame on its way through the worker: decoded, painted, encoded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpu_worker.frames.motion import Motion
from gpu_worker.plan import Shard

type Planes = NDArray[np.uint8]
"""A picture as YUV 4:2:0, uint8 of shape (H * 3/2, W): H rows of luma, then the U and the V plane
of H/2 x W/2 samples each, one after the other. FFmpeg calls it yuv420p; H and W are even."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture and the place in the plan that it fills.

    Attributes:
        shard: to which it belongs.
        index: of the frame in the whole plan, within `[shard.first, shard.last)` unless it is there
            for the sake of the shard's own alone.
        planes: its pixels.
        damaged: it did not decode; `planes` repeat a neighbour.
        concealed: of a shard's last frame: numbers of the shard's frames that the decoder says it
            decoded with errors, and mended as it could. Of all others empty.
        scaled: likewise, of those that had another size than the plan's.
        motion: from the frame before it, where that is wanted.
    """

    shard: Shard
    index: int
    planes: Planes
    damaged: bool = False
    concealed: tuple[int, ...] = ()
    scaled: tuple[int, ...] = ()
    motion: Motion | None = None

    @property
    def is_of_shard(self) -> bool:
        """Whether it is one of the shard's own."""
        return self.shard.first <= self.index < self.shard.last
