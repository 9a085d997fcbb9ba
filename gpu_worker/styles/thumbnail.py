"""A style's thumbnails: the same landscape for all, painted by its own network; its painting."""

from __future__ import annotations

import base64
import io
from typing import Final

import torch
from PIL import Image
from torch import Tensor

from gpu_worker.networks.architectures import Network
from gpu_worker.styles.landscape import landscape

_QUALITY: Final = 80
_SIZE: Final = (480, 360)


def thumbnail(network: Network) -> str:
    """Paint the landscape; return it as a JPEG in base64, fit for a style's metadata."""
    device = next(network.parameters(), torch.empty(0)).device
    with torch.inference_mode():
        painted = network(landscape()[None].to(device, network.dtype))[0]
    return small_jpeg(painted)


def small_jpeg(rgb: Tensor) -> str:
    """Return `(3, H, W)` RGB in [0, 1] as a JPEG in base64, fit for a style's metadata."""
    pixels = (rgb.float().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    image, jpeg = Image.fromarray(pixels), io.BytesIO()
    image.thumbnail(_SIZE)
    image.save(jpeg, "JPEG", quality=_QUALITY)
    return base64.b64encode(jpeg.getvalue()).decode()
