"""The colours of a painting: which there are, and how much of each.

VGG-16 knows them by what they do to edges. Where nothing else asks for its blacks and whites, the
steadiest picture is a pale one, whose edges are drawn in colours that the painting does not have.
"""

from __future__ import annotations

from itertools import product
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

_SCALES: Final = (1, 8)
"""Pixels as they are, and averaged over squares of so many: strokes, and what they add up to."""
_DIRECTIONS: Final = F.normalize(
    torch.tensor([step for step in product((-1.0, 0.0, 1.0), repeat=3) if step > (0, 0, 0)]).mT,
    dim=0,
)
"""`(3, 13)`: the lines through the middle of the cube of colours and its faces, edges, corners."""

_TONE: Final = 2
"""Side in pixels of what is one colour to the eye."""
_STEPS: Final = 16
"""Of each channel: colours of one cube are one tone."""
_RARE: Final = 5e-4
"""Share of a painting that is an accident."""


class Palette:
    """The colours of one painting."""

    def __init__(self, painting: Tensor) -> None:
        """Look at a painting `(3, H, W)`, [0, 1], of the size of its strokes."""
        self._sorted = [_along_directions(painting[None], scale) for scale in _SCALES]
        self._tones = _tones(painting)

    def amounts(self, painted: Tensor) -> Tensor:
        """How far pictures `(N, 3, H, W)`, taken together, are from so much of each colour.

        The sliced Wasserstein distance (Rabin et al. 2011), squared, of colours: along each
        direction, darkest to darkest and brightest to brightest. Together, for a sky alone need
        not hold all that a painting does.
        """
        distances: list[Tensor] = []
        for scale, wanted in zip(_SCALES, self._sorted, strict=True):
            ours = _along_directions(painted, scale)
            theirs = F.interpolate(wanted[None], ours.shape[1], mode="linear")[0]
            distances.append((ours - theirs).square().mean())
        return torch.stack(distances).mean()

    def strangers(self, painted: Tensor) -> Tensor:
        """Mean squared distance of colours in `(N, 3, H, W)` from the nearest the painting has."""
        colours = _colours(painted, _TONE)
        with torch.no_grad():
            nearest = self._tones[torch.cdist(colours, self._tones).argmin(1)]
        return (colours - nearest).square().sum(1).mean()


def _colours(rgb: Tensor, scale: int) -> Tensor:
    """Average `(N, 3, H, W)` over squares; the colours `(N * H * W / scale^2, 3)`."""
    return F.avg_pool2d(rgb, scale).transpose(0, 1).flatten(1).mT


def _along_directions(rgb: Tensor, scale: int) -> Tensor:
    """Sort the colours of `(N, 3, H, W)` along each direction, `(13, N * H * W / scale^2)`."""
    return (_colours(rgb, scale) @ _DIRECTIONS.to(rgb.device)).mT.sort(1).values


def _tones(painting: Tensor) -> Tensor:
    """Colours `(K, 3)` that stand for those of a painting."""
    colours = _colours(painting[None], _TONE)
    red, green, blue = (colours * _STEPS).long().clamp_max(_STEPS - 1).unbind(1)
    cube = (red * _STEPS + green) * _STEPS + blue
    count = cube.bincount(minlength=_STEPS**3)
    sums = colours.new_zeros(len(count), 3).index_add_(0, cube, colours)
    common = count > _RARE * len(colours)
    return sums[common] / count[common, None]
