"""A still: one frame as people see it."""

from __future__ import annotations

import io
from collections.abc import Sequence

import torch
from PIL import Image

from gpu_worker.frames.colour import Coding, to_rgb
from gpu_worker.frames.frame import Planes
from gpu_worker.plan import Picture


def still(planes: Planes, picture: Picture, width: int) -> Image.Image:
    """Return a frame upright, of square pixels, in RGB.

    Args:
        planes: of the padded size of `picture`; the padding is cut off.
        picture: how the planes code colours, and which way is up.
        width: of the still at most, in pixels; smaller frames keep their size.
    """
    rgb = to_rgb(torch.as_tensor(planes).unsqueeze(0), Coding.of(picture))[0]
    pixels = (rgb.permute(1, 2, 0) * 255).round().clamp(0, 255).byte().numpy()
    image = Image.fromarray(pixels[: picture.height, : picture.width])
    across, down = picture.sample_aspect_ratio
    image = image.resize((max(1, image.width * across // down), image.height))
    image = _upright(image, picture.display_matrix)
    image.thumbnail((width, image.height))
    return image


def jpeg(image: Image.Image, quality: int = 85) -> bytes:
    """Return a picture as a JPEG file; `quality` is libjpeg's, 1 to 100."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def _upright(image: Image.Image, display_matrix: Sequence[int]) -> Image.Image:
    """Turn and mirror as a display matrix says: x' = ax + cy, y' = bx + dy.

    Source: ISO/IEC 14496-12, 6.2.2. The matrix is row by row a, b, u, c, d, v, x, y, w.
    """
    if not display_matrix:
        return image
    a, b, _, c, d = display_matrix[:5]
    sideways = abs(b) > abs(a)
    if sideways:
        image = image.transpose(Image.Transpose.TRANSPOSE)
    x, y = (c, b) if sideways else (a, d)
    if x < 0:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return image.transpose(Image.Transpose.FLIP_TOP_BOTTOM) if y < 0 else image
