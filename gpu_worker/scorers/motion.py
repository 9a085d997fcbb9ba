"""Light, contrast and motion of every frame, and where the film is cut; needs no weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import torch
from torch import Tensor

from gpu_worker.scorers import Line

_LUMA: Final = (0.2126, 0.7152, 0.0722)
"""Shares of red, green and blue (ITU-R BT.709)."""
_CUT: Final = 0.15
"""Motion that there is at least where another scene begins."""
_DIGITS: Final = 5


class Motion:
    """Compares each frame with the two before it.

    A line holds `luma` and `contrast`, mean and standard deviation of the luma; `motion`, the mean
    of how much each pixel's luma differs from the frame before, all three from 0 to 1; and `cut`:
    the motion is large, and more than twice what it was before.
    """

    before = 2

    def __call__(self, rgb: Tensor) -> Sequence[Line]:
        """Describe all frames but the first two."""
        weights = torch.tensor(_LUMA, device=rgb.device)[:, None, None]
        luma = (rgb * weights).sum(1).clamp(0, 1)
        means = _numbers(luma.mean(dim=(1, 2)))
        contrasts = _numbers(luma.std(dim=(1, 2), correction=0))
        steps = _numbers(luma.diff(dim=0).abs().mean(dim=(1, 2)))
        return [
            {
                "luma": round(mean, _DIGITS),
                "contrast": round(contrast, _DIGITS),
                "motion": round(step, _DIGITS),
                "cut": step > max(_CUT, 2 * earlier),
            }
            for mean, contrast, earlier, step in zip(
                means[2:], contrasts[2:], steps[:-1], steps[1:], strict=True
            )
        ]


def load(weights: Mapping[str, Tensor], device: torch.device) -> Motion:
    """Make the scorer."""
    del weights, device
    return Motion()


def _numbers(row: Tensor) -> list[float]:
    return [float(value) for value in row.cpu()]
