"""Pictures made of overlapping shapes, whose statistics are close to those of photos.

The dead leaves model (Lee, Mumford & Huang 2001): opaque shapes of all sizes, their number falling
with the cube of the radius, hide one another; edges, corners and shading come as in nature.
"""

import math

import torch
from PIL import Image, ImageDraw, ImageFilter
from torch import Generator, Tensor
from torchvision.transforms.functional import pil_to_tensor

_LEAVES = 500
_RADIUS_MIN, _RADIUS_MAX = 6.0, 220.0
_SHADE = 0.25
_BLUR = 0.8


def dead_leaves(height: int, width: int, generator: Generator) -> Tensor:
    """Make one picture, `(3, height, width)` float RGB in [0, 1]."""
    image = Image.new("RGB", (width, height), _colour(generator))
    draw = ImageDraw.Draw(image)
    for _ in range(_LEAVES):
        draw.polygon(_leaf(height, width, generator), fill=_colour(generator))
    soft = image.filter(ImageFilter.GaussianBlur(_BLUR))
    return (pil_to_tensor(soft) / 255 + _shade(height, width, generator)).clamp(0, 1)


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


def _shade(height: int, width: int, generator: Generator) -> Tensor:
    """Smooth light and shadow, and some grain."""
    coarse = _SHADE * torch.randn(1, 1, 4, 5, generator=generator)
    size = (height, width)
    smooth = torch.nn.functional.interpolate(coarse, size, mode="bicubic", align_corners=True)[0]
    return smooth + 0.02 * torch.randn(3, height, width, generator=generator)
