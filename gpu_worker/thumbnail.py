"""A style's thumbnail: the same landscape for all, painted by the style's own network."""

from __future__ import annotations

import base64
import io
from typing import Final

import torch
from PIL import Image

from gpu_worker.landscape import landscape
from gpu_worker.networks import Network

_QUALITY: Final = 80


def thumbnail(network: Network) -> str:
    """Paint the landscape; return it as a JPEG in base64, fit for a style's metadata."""
    device = next(network.parameters(), torch.empty(0)).device
    with torch.inference_mode():
        painted = network(landscape()[None].to(device, network.dtype))[0]
    pixels = (painted.float().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    jpeg = io.BytesIO()
    Image.fromarray(pixels).save(jpeg, "JPEG", quality=_QUALITY)
    return base64.b64encode(jpeg.getvalue()).decode()
