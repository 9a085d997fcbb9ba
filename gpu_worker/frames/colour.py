"""Colour: YUV 4:2:0 planes to RGB and back, on whichever device the network runs.

Each luma sample takes part in the chroma of its own 2 x 2 block only: chroma goes up by repeating
and comes down by averaging, so that going up and down again changes nothing. RGB is not clamped,
since video holds colours outside of RGB's cube; thus what a network leaves alone stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from gpu_worker.errors import InputError
from gpu_worker.plan import Picture

LUMA_WEIGHTS: Final = {
    "bt709": (0.2126, 0.0722),
    "fcc": (0.30, 0.11),
    "bt470bg": (0.299, 0.114),
    "smpte170m": (0.299, 0.114),
    "smpte240m": (0.212, 0.087),
    "bt2020nc": (0.2627, 0.0593),
}
"""Kr and Kb, the shares of red and blue in luma, by FFmpeg's name of the matrix (ITU-T H.273,
table 4)."""


@dataclass(frozen=True, slots=True)
class Coding:
    """How numbers from 0 to 255 mean colours (ITU-T H.273, section 8.3).

    Attributes:
        red: share of red in luma, Kr.
        blue: share of blue in luma, Kb.
        black: the luma code of black.
        luma_span: luma codes from black to white.
        chroma_span: chroma codes from end to end; their middle is 128.
    """

    red: float
    blue: float
    black: int
    luma_span: int
    chroma_span: int

    @classmethod
    def of(cls, picture: Picture) -> Self:
        """Take what the plan says.

        Raises:
            InputError: a matrix that is not one of `LUMA_WEIGHTS`.
        """
        if picture.matrix not in LUMA_WEIGHTS:
            known = ", ".join(LUMA_WEIGHTS)
            raise InputError(
                f"The video's colours are coded as {picture.matrix}; convert it to one of {known}."
            )
        span = (0, 255, 255) if picture.full_range else (16, 219, 224)
        return cls(*LUMA_WEIGHTS[picture.matrix], *span)

    @property
    def green(self) -> float:
        """Share of green in luma, Kg."""
        return 1 - self.red - self.blue


def to_rgb(planes: Tensor, coding: Coding) -> Tensor:
    """Convert `(N, H * 3/2, W)` uint8 planes to `(N, 3, H, W)` float32 RGB, plane after plane.

    Black is 0 and white is 1; colours beyond the gamut lie outside of [0, 1].
    """
    rows = planes.shape[1] * 2 // 3
    luma = (planes[:, :rows].float() - coding.black) / coding.luma_span
    blue_difference, red_difference = _chroma(planes, coding)
    red = luma + 2 * (1 - coding.red) * red_difference
    blue = luma + 2 * (1 - coding.blue) * blue_difference
    green = (luma - coding.red * red - coding.blue * blue) / coding.green
    return torch.stack((red, green, blue), dim=1)


def to_planes(rgb: Tensor, coding: Coding) -> Tensor:
    """Convert `(N, 3, H, W)` float RGB, H and W even, to `(N, H * 3/2, W)` uint8 planes."""
    # Plane after plane, whatever the network gave: many times as fast on a CPU.
    red, green, blue = rgb.float().contiguous().unbind(1)
    luma = coding.red * red + coding.green * green + coding.blue * blue
    differences = torch.stack(
        ((blue - luma) / (2 - 2 * coding.blue), (red - luma) / (2 - 2 * coding.red)), dim=1
    )
    chroma = _averaged(differences) * coding.chroma_span + 128
    codes = (luma * coding.luma_span + coding.black, chroma.view(*_chroma_rows(rgb)))
    return torch.cat(codes, dim=1).round_().clamp_(0, 255).to(torch.uint8)


def _chroma(planes: Tensor, coding: Coding) -> tuple[Tensor, Tensor]:
    """Both chroma planes in [-0.5, 0.5], each of the size of the luma plane."""
    count, all_rows, width = planes.shape
    rows = all_rows * 2 // 3
    halves = planes[:, rows:].reshape(count, 2, rows // 2, width // 2).float()
    centred = (halves - 128) / coding.chroma_span
    blue, red = centred.repeat_interleave(2, -1).repeat_interleave(2, -2).unbind(1)
    return blue, red


def _averaged(planes: Tensor) -> Tensor:
    """Average each 2 x 2 block: what bilinear sampling at half the size comes to."""
    return interpolate(planes, scale_factor=0.5, mode="bilinear")


def _chroma_rows(rgb: Tensor) -> tuple[int, int, int]:
    """Shape of both chroma planes, written as rows of the luma's width."""
    count, _, height, width = rgb.shape
    return count, height // 2, width
