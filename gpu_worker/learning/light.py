"""Light and dark: where they are in the photo, and how light and how dark they are in the painting.

VGG-16 hardly sees slow changes of brightness, and the style has the same in every crop: without
this, what is dark gets brighter and the reverse, until nothing can be read and blacks are grey.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

_EIGHTH: Final = 8
_WINDOW: Final = 5
_FAINT: Final = 0.01
"""Standard deviation of brightness that is hardly seen."""
_RANKS: Final = 33
_MOST: Final = 2**20
"""As many places tell the brightness of all photos."""


def light_loss(painted: Tensor, rgb: Tensor) -> Tensor:
    """How far light and dark are from where they were, from 0 to 2, at an eighth of the size.

    One minus the correlation, over whole crops and in windows, whatever the contrast.
    """
    ours, theirs = _light(painted), _light(rgb)
    whole = F.adaptive_avg_pool2d
    return (
        _decorrelation(ours, theirs, lambda x: whole(x, 1))
        + _decorrelation(ours, theirs, lambda x: F.avg_pool2d(x, _WINDOW, 1))
    ) / 2


class Tones:
    """Which brightness of the painting stands for which of the photos.

    Histogram specification (Gonzalez & Woods, "Digital Image Processing"): the darkest for the
    darkest, the middle for the middle. Of all photos at once, so that a dark crop is dark.
    """

    def __init__(self, painting: Tensor, photos: Sequence[Tensor]) -> None:
        """Look at the painting `(3, H, W)`, where losses are computed, and at photos."""
        self._painting = _ranked([painting])
        self._photos = _ranked(photos).to(painting.device)

    def loss(self, painted: Tensor, rgb: Tensor) -> Tensor:
        """Mean squared distance from the brightness that is meant, at an eighth of the size.

        Args:
            painted: `(N, 3, H, W)` RGB.
            rgb: the same before.
        """
        return (_light(painted) - self._meant(_light(rgb))).square().mean()

    def _meant(self, light: Tensor) -> Tensor:
        """Interpolate between ranks; what is darker or lighter than all photos is as the last."""
        photos, painting = self._photos, self._painting
        below = torch.bucketize(light, photos[1:-1])
        width = (photos.diff()[below]).clamp_min(torch.finfo(photos.dtype).eps)
        share = ((light - photos[below]) / width).clamp(0, 1)
        return torch.lerp(painting[below], painting[below + 1], share)


def _light(rgb: Tensor) -> Tensor:
    return F.avg_pool2d(rgb.mean(1, keepdim=True), _EIGHTH)


def _ranked(pictures: Sequence[Tensor]) -> Tensor:
    """Brightness at evenly spaced ranks from the darkest to the lightest, `(_RANKS,)`."""
    light = torch.cat([_light(picture[None]).flatten() for picture in pictures])
    some = light[:: -(-len(light) // _MOST)]
    return some.quantile(torch.linspace(0, 1, _RANKS, device=some.device))


def _decorrelation(ours: Tensor, theirs: Tensor, mean: Callable[[Tensor], Tensor]) -> Tensor:
    """One minus the correlation where `mean` averages, weighted by how much there is to see."""
    covariance = mean(ours * theirs) - mean(ours) * mean(theirs)
    variance = (mean(ours * ours) - mean(ours) ** 2).clamp_min(0)
    wanted = (mean(theirs * theirs) - mean(theirs) ** 2).clamp_min(0)
    correlation = covariance / (variance * wanted + _FAINT**4).sqrt()
    weight = wanted / (wanted + _FAINT**2)
    return ((1 - correlation) * weight).mean()
