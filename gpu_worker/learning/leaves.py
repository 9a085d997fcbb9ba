"""Pictures made of overlapping shapes, whose statistics are close to those of photos.

The dead leaves model (Lee, Mumford & Huang 2001): opaque shapes of all sizes, their number falling
with the cube of the radius, hide one another; edges, corners and shading come as in nature. Shapes
have textures, as grass, water and cloth have: noise whose amplitude falls with a power of the
frequency (Field 1987), most of it in one direction.
"""

import math
from typing import Any, cast

import torch
from PIL import Image, ImageDraw, ImageFilter
from torch import Generator, Tensor
from torchvision.transforms.functional import pil_to_tensor

_fft = cast("Any", torch.fft)  # which has no types

_LEAVES = 500
_RADIUS_MIN, _RADIUS_MAX = 6.0, 220.0
_SHADE = 0.25
_BLUR = 0.8
_TEXTURES = 6
_TEXTURE = 0.3
"""Standard deviation of the strongest texture, of a range of 1."""
_LONGEST = 5.0
"""How much slower a texture changes in one direction than across it, at most."""


def dead_leaves(height: int, width: int, generator: Generator) -> Tensor:
    """Make one picture, `(3, height, width)` float RGB in [0, 1]."""
    image = Image.new("RGB", (width, height), _colour(generator))
    kinds = Image.new("L", (width, height))
    draw, draw_kind = ImageDraw.Draw(image), ImageDraw.Draw(kinds)
    for number in range(_LEAVES):
        leaf = _leaf(height, width, generator)
        draw.polygon(leaf, fill=_colour(generator))
        draw_kind.polygon(leaf, fill=number % _TEXTURES)
    soft = pil_to_tensor(image.filter(ImageFilter.GaussianBlur(_BLUR))) / 255
    textures = torch.stack([_texture(height, width, generator) for _ in range(_TEXTURES)])
    kind = pil_to_tensor(kinds).long().expand(1, 3, height, width)
    textured = soft + textures.gather(0, kind)[0]
    return (textured + _shade(height, width, generator)).clamp(0, 1)


def _leaf(height: int, width: int, generator: Generator) -> list[tuple[float, float]]:
    """Corners, on an ellipse of any direction, of a shape between a triangle and a disc."""
    x, y, size, turn, squeeze, count = (float(n) for n in torch.rand(6, generator=generator))
    radius = _radius(size)
    corners = 3 + int(count * 10) * (1 if count < 0.7 else 4)
    around = [2 * math.pi * (turn + corner / corners) for corner in range(corners)]
    flat = 0.3 + 0.7 * squeeze
    ellipse = [(radius * math.cos(a), radius * flat * math.sin(a)) for a in around]
    cos, sin = math.cos(7 * turn), math.sin(7 * turn)
    return [(x * width + u * cos - v * sin, y * height + u * sin + v * cos) for u, v in ellipse]


def _radius(chance: float) -> float:
    """Draw from a density that falls with the cube of the radius."""
    low, high = _RADIUS_MIN**-2, _RADIUS_MAX**-2
    return (low + chance * (high - low)) ** -0.5


def _colour(generator: Generator) -> tuple[int, int, int]:
    """Draw a brightness, and a tint that keeps near it, as in photos."""
    grey = torch.rand((), generator=generator)
    tint = 0.12 * torch.randn(3, generator=generator)
    red, green, blue = (int(255 * part) for part in (grey + tint).clamp(0, 1))
    return red, green, blue


def _texture(height: int, width: int, generator: Generator) -> Tensor:
    """Noise of a strength, a direction and a fineness of its own, `(3, height, width)`."""
    strength, power, turn, length = (float(n) for n in torch.rand(4, generator=generator))
    down: Tensor = _fft.fftfreq(height)[:, None]
    right: Tensor = _fft.rfftfreq(width)[None]
    cos, sin = math.cos(math.pi * turn), math.sin(math.pi * turn)
    along, across = right * cos + down * sin, down * cos - right * sin
    frequency = torch.hypot(along * (1 + (_LONGEST - 1) * length), across).clamp_min(1 / width)
    amplitude = frequency ** -(0.3 + 1.2 * power)
    noise: Tensor = _fft.rfft2(torch.randn(1, height, width, generator=generator))
    filtered: Tensor = _fft.irfft2(noise * amplitude, s=(height, width))
    tint = 1 + 0.2 * torch.randn(3, 1, 1, generator=generator)
    return _TEXTURE * strength**2 * tint * (filtered - filtered.mean()) / filtered.std()


def _shade(height: int, width: int, generator: Generator) -> Tensor:
    """Smooth light and shadow, and some grain."""
    coarse = _SHADE * torch.randn(1, 1, 4, 5, generator=generator)
    size = (height, width)
    smooth = torch.nn.functional.interpolate(coarse, size, mode="bicubic", align_corners=True)[0]
    return smooth + 0.02 * torch.randn(3, height, width, generator=generator)
