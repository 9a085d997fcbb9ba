"""Stability: what moves in the video moves in the painted video, and nothing else does."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

SHIFT_MAX = 15  # pixels; several periods of the network's 4x4 grid
NOISE_MAX = 0.03  # standard deviation
GAIN_MAX = 0.02  # either way

_BORDER = 8


def stability_loss(
    network: Callable[[Tensor], Tensor], rgb: Tensor, painted: Tensor, generator: Generator
) -> Tensor:
    """Difference between painting a shifted and disturbed picture, and shifting `painted`.

    The shift is by whole pixels: interpolation would blur `painted`, and the network learn to.
    """
    top, left = (int(n) for n in torch.randint(SHIFT_MAX + 1, (2,), generator=generator))
    shifted = _disturb(rgb[..., top:, left:], generator)
    difference = (network(shifted) - painted[..., top:, left:]).abs()
    # The two see different borders.
    return difference[..., _BORDER:-_BORDER, _BORDER:-_BORDER].mean()


def _disturb(rgb: Tensor, generator: Generator) -> Tensor:
    strength = NOISE_MAX * torch.rand((), generator=generator)
    noise = strength * torch.randn(rgb.shape, generator=generator)
    gain = 1 + GAIN_MAX * (2 * torch.rand(len(rgb), 1, 1, 1, generator=generator) - 1)
    return (rgb * gain.to(rgb.device) + noise.to(rgb.device)).clamp(0, 1)
