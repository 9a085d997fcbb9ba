"""Blending: how much of the video shows through its painting, computed where the network runs."""

from __future__ import annotations

from torch import Tensor

from gpu_worker.frames.colour import Coding
from gpu_worker.plan import Blend


def blended(rgb: Tensor, painted: Tensor, blend: Blend, coding: Coding) -> Tensor:
    """Mix the video's `(N, 3, H, W)` float32 RGB with what was painted of it, of any precision.

    Chroma is what blue and red differ from luma by, so the same amount added to red, green and
    blue moves luma and leaves the video's chroma as it is.

    Args:
        rgb: as the video has it.
        painted: of the same shape.
        blend: how to mix.
        coding: weighs the luma.
    """
    if blend.preserve_colour:
        painted = rgb + _luma(painted.float() - rgb, coding)
    if blend.strength == 1:
        return painted
    return rgb.lerp(painted.float(), blend.strength)


def _luma(rgb: Tensor, coding: Coding) -> Tensor:
    """Weigh `(N, 3, H, W)` to `(N, 1, H, W)`."""
    red, green, blue = rgb.unbind(1)
    luma = coding.red * red + coding.green * green + coding.blue * blue
    return luma.unsqueeze(1)
