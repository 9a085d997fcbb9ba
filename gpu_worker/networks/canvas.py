"""The ground that is painted on: where strokes could lie in what is flat, and along what."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any, Final, cast

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

type Origin = tuple[int, int]
"""Row and column of the canvas, in its pixels."""
ORIGINS: Final[Sequence[Origin]] = ((0, 0),)
"""Where frames of a video begin: all at one place."""

_fft = cast("Any", torch.fft)  # which has no types


class Canvas(nn.Module):
    """Noise to make strokes of, the same in each frame.

    Convolutions make one colour of a clear sky, or a grid; nothing in it tells where a stroke could
    lie. Here that is told by noise: two kinds that are smooth, and two that are drawn out to
    strokes, thin and thick. Strokes lie along the edges of what the picture shows, as its structure
    tensor has them: a sky's along its horizon, though that is far. Where all of them are faint,
    strokes swirl. Where the picture has texture of its own, the canvas is covered; what is empty is
    left quiet: a clear sky, a wall, the black between two scenes.

    Noise drawn out along a field of directions is line integral convolution (Cabral & Leedom 1993).
    Here noise that was drawn out along each of a few directions is blended by the field, so that a
    frame costs a weighted sum.
    """

    CHANNELS: Final = 4
    THIN: Final = 2
    """Number of the one that is thin strokes."""
    PIXEL: Final = 2
    """Side of its pixels in pixels of the picture that is painted."""
    SIDE: Final = 512
    """Pixels, of the size that the ground has, after which the noise repeats; all lengths below are
    in these pixels, and standard deviations of Gaussians."""
    _SMOOTH: Final = (8.0, 24.0)
    _STROKES: Final = ((0.9, 9.0), (2.0, 18.0))
    """Across and along strokes, thin ones and thick ones."""
    _NEAR: Final = 10.0
    """Within which strokes are as strong as anywhere else: of what is stronger here and weaker
    there, a network paints the strong alone, and that lies in clusters."""
    _SWIRL: Final = 40.0
    _DIRECTIONS: Final = 12
    _SHARPNESS: Final = 3
    """How often the weight of a direction is squared: a stroke blends some three of them."""
    _FAINT: Final = 0.012
    """Change of brightness from pixel to pixel beside which swirls count as much as edges."""
    _TEXTURE: Final = 0.045
    """Standard deviation of brightness that covers half of the canvas."""
    _EMPTY: Final = 0.013
    """The same around, half way from what is empty to what is not."""
    _QUIET: Final = 0.25
    """Share of the canvas that is seen in what is empty."""
    _BLUR: Final = 7
    """Pixels that texture is looked at by, and thrice."""
    _FIELD_BLUR: Final = 13
    """And directions: those of noise must not rule."""
    _FAR: Final = 4
    """Side in pixels of what is one where either is blurred again, for what is empty."""
    _FAR_BLUR: Final = 21
    """Of those, for directions, and thrice: a Gaussian of three tenths of a frame's short side."""
    _AROUND_BLUR: Final = 7
    """And for texture, of a tenth: what lies beside something is not empty."""
    _SEED: Final = 7

    def forward(self, rgb: Tensor, origins: Sequence[Origin] = ORIGINS) -> Tensor:
        """Lay the ground `(N, 4, H, W)` below pixels.

        Args:
            rgb: `(N, 3, H, W)`, [0, 1], at the canvas's size.
            origins: row and column of the canvas where each of the N begins, or all if it is one.
        """
        laid = torch.stack([self._laid(rgb, *origin) for origin in origins])
        smooth, swirl, strokes = laid.split_with_sizes([2, 2, 2 * self._DIRECTIONS], dim=1)
        light = rgb.float().mean(1, keepdim=True)
        weights = self._weights(self._field(light, swirl))
        drawn = (strokes.view(-1, 2, self._DIRECTIONS, *light.shape[2:]) * weights[:, None]).sum(2)
        ground = torch.cat((smooth.expand(len(rgb), -1, -1, -1), drawn), 1)
        return ground * self._seen(light) / 2

    def lie(self, rgb: Tensor, origins: Sequence[Origin]) -> tuple[Tensor, Tensor]:
        """Tell along what strokes lie, and how much of the canvas is seen.

        Args:
            rgb: `(N, 3, H, W)`, [0, 1], at the canvas's size.
            origins: row and column of the canvas where each of the N begins.

        Returns:
            Cosine and sine of twice the angle, `(N, 2, H, W)`; shares from 0 to 1, `(N, 1, H, W)`.
        """
        swirl = torch.stack([self._laid(rgb, *origin) for origin in origins])[:, 2:4]
        light = rgb.float().mean(1, keepdim=True)
        return F.normalize(self._field(light, swirl), dim=1), self._seen(light)

    def _laid(self, rgb: Tensor, top: int, left: int) -> Tensor:
        """Cut the noise `(28, H, W)` out that lies below pixels."""
        noise, (height, width) = self._noise(rgb.device), rgb.shape[-2:]
        top, left = top % self.SIDE, left % self.SIDE
        bottom, right = top + height, left + width
        if max(bottom, right) <= self.SIDE:
            return noise[:, top:bottom, left:right]
        rows, columns = (
            torch.arange(first, end, device=rgb.device) % self.SIDE
            for first, end in ((top, bottom), (left, right))
        )
        return noise[:, rows][:, :, columns]

    def _field(self, light: Tensor, swirl: Tensor) -> Tensor:
        """Directions `(N, 2, H, W)` like those of edges: near ones, far ones, and swirls."""
        edges = self._edges(light)
        return edges + self._spread(edges, self._FAR_BLUR) + self._FAINT**2 * swirl

    def _spread(self, x: Tensor, width: int) -> Tensor:
        """Blur `(N, C, H, W)` widely: over squares of `width` times `_FAR` pixels, and thrice."""
        size = x.shape[2:]
        small = F.interpolate(x, [-(-side // self._FAR) for side in size], mode="area")
        return F.interpolate(blurred(small, width, times=3), size, mode="bilinear")

    def _edges(self, light: Tensor) -> Tensor:
        """Directions of edges `(N, 2, H, W)`: cosine and sine of twice the angle, by strength.

        The structure tensor without its trace (Bigün & Granlund 1987): twice, for an edge has no
        sense, and what points either way is to add up.
        """
        padded = F.pad(light, (1, 1, 1, 1), mode="replicate")
        across = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
        down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
        strengths = torch.cat((down.square() - across.square(), -2 * across * down), 1)
        return blurred(strengths, self._FIELD_BLUR, times=3)

    def _weights(self, field: Tensor) -> Tensor:
        """Share of each direction `(N, directions, H, W)`; together 1."""
        cosines, sines = self._turns(field.device)
        unit = F.normalize(field, dim=1)
        weights = (1 + unit[:, :1] * cosines + unit[:, 1:] * sines) / 2
        for _ in range(self._SHARPNESS):
            weights = weights.square()
        return weights / weights.sum(1, keepdim=True)

    def _seen(self, light: Tensor) -> Tensor:
        """How much of the canvas is seen, from 0, where texture covers it, to 1."""
        local = light - blurred(light, self._BLUR, times=3)
        texture = blurred(local.square(), self._BLUR, times=3)
        around, empty = self._spread(texture, self._AROUND_BLUR), self._EMPTY**2
        alive = (around + self._QUIET * empty) / (around + empty)
        return alive / (1 + texture / self._TEXTURE**2)

    @classmethod
    @cache
    def _turns(cls, device: torch.device) -> tuple[Tensor, Tensor]:
        """Cosine and sine of twice each direction's angle, `(1, directions, 1, 1)` each."""
        angles = 2 * math.pi * torch.arange(cls._DIRECTIONS) / cls._DIRECTIONS
        turns = angles.view(1, -1, 1, 1).to(device)
        return turns.cos(), turns.sin()

    @classmethod
    @cache
    def _noise(cls, device: torch.device) -> Tensor:
        """All noise `(28, SIDE, SIDE)`, of variance 1, but for swirls, which have length 1."""
        chance, shape = Generator().manual_seed(cls._SEED), (6, cls.SIDE, cls.SIDE)
        white = torch.randn(shape, generator=chance, device="cpu", dtype=torch.float32)
        smooth, swirl, strokes = white.split_with_sizes([2, 2, 2])
        blots = [_filtered(one, size, size) for one, size in zip(smooth, cls._SMOOTH, strict=True)]
        field = torch.stack([_filtered(one, cls._SWIRL, cls._SWIRL) for one in swirl])
        # Of one white noise for all directions: strokes bend where the direction turns.
        drawn = [
            _evened(_filtered(one, *size, math.pi * number / cls._DIRECTIONS), cls._NEAR)
            for one, size in zip(strokes, cls._STROKES, strict=True)
            for number in range(cls._DIRECTIONS)
        ]
        return torch.stack([*blots, *F.normalize(field, dim=0), *drawn]).to(device)


def blurred(x: Tensor, width: int, times: int = 1) -> Tensor:
    """Average `(N, C, H, W)` over squares of an odd width; borders are repeated.

    Three times is close to a Gaussian.
    """
    for _ in range(times):
        x = F.pad(x, (width // 2,) * 4, mode="replicate")
        # As sums of slices: CPUs take five times as long for `avg_pool2d`.
        x = _sums(_sums(x, 2, width), 3, width)
    return x / width ** (2 * times)


def _sums(x: Tensor, dim: int, width: int) -> Tensor:
    """Add up each `width` neighbours, from sums of half as many."""
    if width == 1:
        return x
    half, length = _sums(x, dim, width // 2), x.shape[dim] - width + 1
    both = half.narrow(dim, 0, length) + half.narrow(dim, width // 2, length)
    return both + x.narrow(dim, width - 1, length) if width % 2 else both


def _filtered(white: Tensor, across: float, along: float, angle: float = 0.0) -> Tensor:
    """Draw white noise out along a direction, as `_smoothed` does, to mean 0 and variance 1."""
    return _standard(_smoothed(white, across, along, angle))


def _evened(noise: Tensor, near: float) -> Tensor:
    """Make periodic noise as strong in one place as in another, of mean 0 and variance 1.

    It is divided by its own root mean square nearby, and peaks are held. What "phasor noise"
    (Tricard et al. 2019) has by its making.
    """
    around = noise - _smoothed(noise, 2 * near, 2 * near)
    return _standard((around / _smoothed(around.square(), near, near).sqrt()).tanh())


def _standard(noise: Tensor) -> Tensor:
    return (noise - noise.mean()) / noise.std()


def _smoothed(image: Tensor, across: float, along: float, angle: float = 0.0) -> Tensor:
    """Blur what is periodic, `(SIDE, SIDE)`.

    Args:
        image: as it is.
        across: standard deviation of the Gaussian across a direction, in pixels.
        along: of the one along it.
        angle: of the direction, in radians from the right downwards.
    """
    down: Tensor = _fft.fftfreq(len(image), device="cpu")[:, None]
    right: Tensor = _fft.rfftfreq(len(image), device="cpu")
    ahead = right * math.cos(angle) + down * math.sin(angle)
    aside = down * math.cos(angle) - right * math.sin(angle)
    gain = (-2 * math.pi**2 * ((along * ahead) ** 2 + (across * aside) ** 2)).exp()
    return _fft.irfft2(_fft.rfft2(image) * gain)
