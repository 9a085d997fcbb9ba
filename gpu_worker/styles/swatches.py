"""Swatches: one frame of a video, small, as other styles would paint it.

They show people what a painting makes of a picture of their own before they choose it.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import torch
from PIL import Image

from gpu_worker.errors import InputError
from gpu_worker.frames.still import jpeg
from gpu_worker.networks.architectures import Network
from gpu_worker.styles.model import load_style

SIZE: Final = (320, 320)
"""Pixels, at most: twice as many as a card of the page is wide, for fine screens."""

log = logging.getLogger(__name__)


def swatches(frame: Image.Image, styles: Mapping[str, Path], device: torch.device) -> bytes:
    """Paint a frame in each of some styles; one that cannot be used is left out.

    Args:
        frame: upright, of square pixels, RGB.
        styles: the file of each, by name.
        device: where to compute.

    Returns:
        A JSON object: by the name of the style a JPEG in base64.
    """
    frame = frame.copy()
    frame.thumbnail(SIZE)
    painted: dict[str, str] = {}
    for name, file in styles.items():
        try:
            image = _painted(frame, load_style(file, device).network, device)
        except (InputError, RuntimeError) as error:
            # No reason to lose what was painted before.
            log.warning("there is no swatch of %s: %s", name, error)
        else:
            painted[name] = base64.b64encode(jpeg(image)).decode()
    return json.dumps(painted).encode()


def _painted(frame: Image.Image, network: Network, device: torch.device) -> Image.Image:
    pixels = torch.from_numpy(np.array(frame)).to(device)
    with torch.inference_mode():
        rgb = network(pixels.permute(2, 0, 1)[None].float() / 255)[0]
    shown = (rgb.float().clamp(0, 1) * 255).round().byte().permute(1, 2, 0)
    return Image.fromarray(shown.cpu().numpy())
