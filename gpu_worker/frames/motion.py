"""Motion: where each pixel of a video was in the frame before, as dense optical flow.

DIS (Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search"), as OpenCV has it, on a
small copy of the luma: strokes are large, and a coarse flow carries them well enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

SHORT_SIDE: Final = 240
"""Pixels of the copy, at most."""
_SMALLEST: Final = 16
"""Pixels on each side that OpenCV's DIS needs: with fewer it reads what is not its own."""

type Luma = NDArray[np.uint8]
type Flow = NDArray[np.float32]
"""`(h, w, 2)`: pixels of the small copy to go to the right, and down."""

# DIS cuts a picture into as many stripes as it has threads, and finds another flow in each.
cv2.setNumThreads(1)


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """A frame made small, and the ways between it and the frame before it.

    Attributes:
        luma: `(h, w)` uint8.
        back: from each pixel of this frame to where it was in the one before; None for the first.
        forth: from each pixel of the frame before to where it is in this one; likewise.
    """

    luma: Luma
    back: Flow | None = None
    forth: Flow | None = None


class Watcher:
    """Looks at consecutive frames."""

    def __init__(self) -> None:
        """Begin before the first."""
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._before: Luma | None = None

    def see(self, luma: Luma) -> Motion:
        """Look at the next frame's luma, `(H, W)` uint8, and return how it moved."""
        now, before = _small(luma), self._before
        self._before = now
        if before is None:
            return Motion(now)
        return Motion(now, back=self._flow(now, before), forth=self._flow(before, now))

    def _flow(self, start: Luma, end: Luma) -> Flow:
        if min(start.shape) < _SMALLEST:
            return np.zeros((*start.shape, 2), np.float32)
        return self._dis.calc(start, end, None)


def _small(luma: Luma) -> Luma:
    height, width = luma.shape
    scale = SHORT_SIDE / min(height, width)
    if scale >= 1:
        return luma.copy()
    size = round(width * scale), round(height * scale)
    return cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
