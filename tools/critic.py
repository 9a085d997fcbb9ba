"""How near a picture is to a painting, and how much of the frame below it is left.

S is how far a picture is from the painting: the mean over VGG-16's relu1_2, 2_2, 3_3 and 4_3 of
|G - Gp|^2 / |Gp|^2, G the Gram matrix over positions (Gatys et al. 2016).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gpu_worker.learning.vgg import LAYERS, Vgg, gram, style_distances

CPU = torch.device("cpu")

_EIGHTH = 8
_WINDOW = 5
_STYLE_WEIGHT = 40.0
_LEARNING_RATE = 0.02
_LUMA = (0.299, 0.587, 0.114)  # BT.601
_CONTENT = LAYERS.index("relu3_3")


@dataclass(frozen=True, slots=True)
class Look:
    """How a painted frame looks to VGG-16.

    Attributes:
        closed: share of the way to the painting, at most 1; below 0 it is farther than the frame.
        coarse: the same of all pictures at half their size: what strokes add up to.
        layers: how far it is from the painting, by layer.
        frame_layers: how far the frame was.
        legible: from -1 to 1.
    """

    closed: float
    coarse: float
    layers: tuple[float, ...]
    frame_layers: tuple[float, ...]
    legible: float


class Critic:
    """Looks at frames beside one painting, both `(1, 3, H, W)` RGB in [0, 1]."""

    def __init__(self, vgg: Vgg, painting: Tensor) -> None:
        """Look at the painting."""
        self._vgg = vgg
        with torch.no_grad():
            self._wanted, self._coarse = (
                [gram(seen) for seen in vgg(rgb)] for rgb in (painting, _halved(painting))
            )

    def look(self, frame: Tensor, painted: Tensor) -> Look:
        """Compare a frame before and after it was painted."""
        with torch.no_grad():
            ours, theirs = (self._distances(rgb, self._wanted) for rgb in (painted, frame))
            coarse = [self._distances(_halved(rgb), self._coarse) for rgb in (painted, frame)]
        return Look(
            closed=_closed(ours, theirs),
            coarse=_closed(*coarse),
            layers=_floats(ours),
            frame_layers=_floats(theirs),
            legible=legible(frame, painted),
        )

    def optimise(self, frame: Tensor, steps: Sequence[int]) -> Iterator[Tensor]:
        """Yield the frame optimised for so many steps, rising."""
        still = frame.clone().requires_grad_()
        optimiser = torch.optim.Adam([still], _LEARNING_RATE)
        with torch.no_grad():
            shown = self._vgg(frame, LAYERS[_CONTENT])[_CONTENT].float()
        for step in range(1, max(steps) + 1):
            seen = self._vgg(still)
            content = (seen[_CONTENT].float() - shown).square().mean() / shown.var()
            loss = content + _STYLE_WEIGHT * style_distances(seen, self._wanted).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            with torch.no_grad():
                still.clamp_(0, 1)
            if step in steps:
                yield still.detach().clone()

    def _distances(self, rgb: Tensor, wanted: list[Tensor]) -> Tensor:
        return style_distances(self._vgg(rgb), wanted)[:, 0]


def legible(frame: Tensor, painted: Tensor) -> float:
    """Mean local correlation of luminance of two `(1, 3, H, W)` pictures, at an eighth."""
    weights = torch.tensor(_LUMA).view(1, 3, 1, 1)
    first, second = (
        F.avg_pool2d((rgb * weights).sum(1, keepdim=True), _EIGHTH) for rgb in (frame, painted)
    )
    variances = (_near(first**2) - _near(first) ** 2) * (_near(second**2) - _near(second) ** 2)
    covariance = _near(first * second) - _near(first) * _near(second)
    return float((covariance / variances.clamp_min(1e-8).sqrt()).mean())


def sized(rgb: Tensor, short_side: int) -> Tensor:
    """Scale to a short side, and both sides to multiples of what the coarsest layer needs."""
    scale = short_side / min(rgb.shape[1:])
    size = [round(side * scale / _EIGHTH) * _EIGHTH for side in rgb.shape[1:]]
    return F.interpolate(rgb[None], size, mode="bilinear", antialias=True).clamp(0, 1)


def _closed(ours: Tensor, theirs: Tensor) -> float:
    return 1 - float(ours.sum() / theirs.sum())


def _halved(rgb: Tensor) -> Tensor:
    return F.avg_pool2d(rgb, 2)


def _near(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, _WINDOW, 1, _WINDOW // 2)


def _floats(numbers: Tensor) -> tuple[float, ...]:
    return tuple(float(number) for number in numbers)
