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

from gpu_worker.networks.canvas import blurred

_EIGHTH: Final = 8
_WINDOW: Final = 5
_FAINT: Final = 0.01
"""Standard deviation of brightness that is hardly seen."""
_AROUND: Final = 9
"""Eighths that what stands out stands out of."""
_STRETCH_MAX: Final = 2.0
"""More makes noise of a frame's texture."""
_LIKE: Final = 0.02
"""Difference of brightness that is none."""
_SURE: Final = 0.03
"""Standard deviation of hues of one brightness that makes them count by half."""
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
    """Which brightness of the painting, and which hue, stands for which brightness of the photos.

    Histogram specification (Gonzalez & Woods, "Digital Image Processing"): the darkest for the
    darkest, the middle for the middle. Of all photos at once, so that a dark crop is dark. And what
    stands out of what is around it does so by as much as things do in the painting: photos are
    flatter.
    """

    def __init__(self, painting: Tensor, photos: Sequence[Tensor]) -> None:
        """Look at the painting `(3, H, W)`, where losses are computed, and at photos."""
        light = _light(painting[None])
        lights = [_light(photo[None]).to(painting.device) for photo in photos]
        self._painting, self._photos = _ranked([light]), _ranked(lights)
        self._hues = _Hues(painting, self._painting)
        specified = [_contrast(self._specified(one)) for one in lights]
        flat = torch.stack(specified).mean().clamp_min(_FAINT)
        self._contrast = (_contrast(light) / flat).clamp(1, _STRETCH_MAX)

    def loss(self, painted: Tensor, rgb: Tensor) -> Tensor:
        """Mean squared distance from what is meant, at an eighth of the size.

        Of brightness; and of hues as far as they differ by more than they do in the painting, and
        as much as one brightness has one hue there: most paintings have darks of one kind.

        Args:
            painted: `(N, 3, H, W)` RGB.
            rgb: the same before.
        """
        meant, colours = self._meant(_light(rgb)), F.avg_pool2d(painted, _EIGHTH)
        light = colours.mean(1, keepdim=True)
        return (light - meant).square().mean() + self._hues.loss(colours - light, meant)

    def _meant(self, light: Tensor) -> Tensor:
        """Specify, and stretch what stands out, as far as the painting's darkest and lightest."""
        specified = self._specified(light)
        around = blurred(specified, _AROUND)
        meant = torch.lerp(around, specified, self._contrast)
        return meant.clamp(self._painting[0], self._painting[-1])

    def _specified(self, light: Tensor) -> Tensor:
        """Interpolate between ranks; what is darker or lighter than all photos is as the last."""
        photos, painting = self._photos, self._painting
        below = torch.bucketize(light, photos[1:-1])
        width = (photos.diff()[below]).clamp_min(torch.finfo(photos.dtype).eps)
        share = ((light - photos[below]) / width).clamp(0, 1)
        return torch.lerp(painting[below], painting[below + 1], share)


class _Hues:
    """Which hue each brightness of a painting has: how colours differ from their grey."""

    def __init__(self, painting: Tensor, ranks: Tensor) -> None:
        """Take the mean `(3, _RANKS)` and variance of hues at each rank of its brightness."""
        colours = F.avg_pool2d(painting[None], _EIGHTH, _EIGHTH // 4)[0].flatten(1)
        light = colours.mean(0)
        nearness = -(ranks[:, None] - light).square() / (2 * _LIKE**2)
        share, hues = nearness.softmax(1).mT, colours - light
        self._between = (ranks[1:] + ranks[:-1]) / 2
        self._mean = hues @ share
        self._spread = (hues.square() @ share - self._mean.square()).mean(0)
        self._sure = _SURE**2 / (_SURE**2 + self._spread)

    def loss(self, hues: Tensor, meant: Tensor) -> Tensor:
        """By how much hues `(N, 3, h, w)` are none that a brightness `(N, 1, h, w)` has."""
        rank = torch.bucketize(meant[:, 0], self._between)
        distance = (hues - self._mean[:, rank].transpose(0, 1)).square().mean(1)
        return (self._sure[rank] * (distance - self._spread[rank]).relu()).mean()


def _light(rgb: Tensor) -> Tensor:
    return F.avg_pool2d(rgb.mean(1, keepdim=True), _EIGHTH)


def _ranked(lights: Sequence[Tensor]) -> Tensor:
    """Brightness at evenly spaced ranks from the darkest to the lightest, `(_RANKS,)`."""
    light = torch.cat([one.flatten() for one in lights])
    some = light[:: -(-len(light) // _MOST)]
    return some.quantile(torch.linspace(0, 1, _RANKS, device=some.device))


def _contrast(light: Tensor) -> Tensor:
    """How far light differs from what is around it: the root mean square of that."""
    return (light - blurred(light, _AROUND)).square().mean().sqrt()


def _decorrelation(ours: Tensor, theirs: Tensor, mean: Callable[[Tensor], Tensor]) -> Tensor:
    """One minus the correlation where `mean` averages, weighted by how much there is to see."""
    covariance = mean(ours * theirs) - mean(ours) * mean(theirs)
    variance = (mean(ours * ours) - mean(ours) ** 2).clamp_min(0)
    wanted = (mean(theirs * theirs) - mean(theirs) ** 2).clamp_min(0)
    correlation = covariance / (variance * wanted + _FAINT**4).sqrt()
    weight = wanted / (wanted + _FAINT**2)
    return ((1 - correlation) * weight).mean()
