"""Painting: batches of frames through the network."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace
from itertools import batched
from typing import Final

import numpy as np
import torch
from torch import Tensor

from gpu_worker.blend import blended
from gpu_worker.colour import Coding, to_planes, to_rgb
from gpu_worker.frame import Frame
from gpu_worker.networks import Network
from gpu_worker.plan import Blend, Picture, Plan

_BYTES_PER_PIXEL: Final = 4096
"""Memory that a network may need for each pixel of a batch: TransformerNet in float32, the
largest, holds about 800 numbers a pixel at its peak."""
_LARGEST_BATCH: Final = 16


def paint(
    frames: Iterable[Frame], network: Network, plan: Plan, device: torch.device
) -> Generator[Frame]:
    """Yield the frames painted, in the same order.

    Args:
        frames: of the padded size of the plan's picture.
        network: on `device`, of any precision; colours are converted in float32.
        plan: how the planes code colours, and how much of them shows through.
        device: where to compute.
    """
    coding = Coding.of(plan.picture)
    for batch in batched(frames, batch_size(plan.picture, device)):
        planes = torch.as_tensor(np.stack([frame.planes for frame in batch]))
        painted = _painted(planes.to(device), network, coding, plan.blend)
        for frame, result in zip(batch, painted.cpu().numpy(), strict=True):
            yield replace(frame, planes=result)


@torch.inference_mode()
def _painted(planes: Tensor, network: Network, coding: Coding, blend: Blend) -> Tensor:
    rgb = to_rgb(planes, coding)
    painted: Tensor = network(rgb.to(network.dtype))
    return to_planes(blended(rgb, painted, blend, coding), coding)


def batch_size(picture: Picture, device: torch.device) -> int:
    """Frames that fit into half of the memory that is free; a CPU gains nothing by more than 1."""
    if device.type == "cpu":
        return 1
    width, height = picture.padded_size
    free, _ = torch.cuda.mem_get_info(device)
    return max(1, min(_LARGEST_BATCH, free // 2 // (width * height * _BYTES_PER_PIXEL)))
