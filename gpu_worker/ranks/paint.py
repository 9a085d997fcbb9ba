"""Painting: batches of frames through the network."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import batched
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from gpu_worker.frames.blend import blended
from gpu_worker.frames.colour import Coding, to_planes, to_rgb
from gpu_worker.frames.frame import Frame, Planes
from gpu_worker.hardware.compilation import compiled
from gpu_worker.networks.architectures import Network
from gpu_worker.plan import Blend, Picture, Plan
from gpu_worker.ranks.conveyor import through

_BYTES_PER_PIXEL: Final = 4096
"""Memory that a network may need for each pixel of a batch: TransformerNet in float32, the
largest, holds about 800 numbers a pixel at its peak."""
_LARGEST_BATCH: Final = 16


class Graph(nn.Module):
    """All that happens on the device: YUV to RGB, the network, the blend, RGB to YUV."""

    def __init__(self, network: Network, coding: Coding, blend: Blend) -> None:
        """Put them together."""
        super().__init__()
        self._network = network
        self._coding = coding
        self._blend = blend

    def forward(self, planes: Tensor) -> Tensor:
        """`(N, H * 3/2, W)` uint8 planes to the same, painted."""
        rgb = to_rgb(planes, self._coding)
        painted: Tensor = self._network(rgb.to(self._network.dtype))
        return to_planes(blended(rgb, painted, self._blend, self._coding), self._coding)


def paint(
    frames: Iterable[Frame],
    network: Network,
    plan: Plan,
    device: torch.device,
    compilation: bool = False,
) -> Generator[Frame]:
    """Yield the frames painted, in the same order.

    Args:
        frames: of the padded size of the plan's picture.
        network: on `device`, of any precision; colours are converted in float32.
        plan: how the planes code colours, and how much of them shows through.
        device: where to compute.
        compilation: compile the graph, if that works.
    """
    size = batch_size(plan.picture, device)
    graph = Graph(network, Coding.of(plan.picture), plan.blend)
    work = compiled(graph, _blank(plan.picture, size, device)) if compilation else graph
    on_their_way: deque[tuple[Frame, ...]] = deque()

    def stacked() -> Iterator[Planes]:
        for batch in batched(frames, size):
            on_their_way.append(batch)
            yield _stack(batch, size)

    for painted in through(device, stacked(), work):
        for frame, planes in zip(on_their_way.popleft(), painted, strict=False):
            yield replace(frame, planes=planes)


def _stack(batch: Sequence[Frame], size: int) -> Planes:
    """Bring frames into one array, the last batch filled up: compiled graphs know one shape."""
    planes = [frame.planes for frame in batch]
    return np.stack(planes + planes[-1:] * (size - len(planes)))


def _blank(picture: Picture, size: int, device: torch.device) -> Tensor:
    width, height = picture.padded_size
    return torch.zeros((size, height * 3 // 2, width), dtype=torch.uint8, device=device)


def batch_size(picture: Picture, device: torch.device) -> int:
    """Frames that fit into half of the memory that is free; a CPU gains nothing by more than 1."""
    if device.type == "cpu":
        return 1
    width, height = picture.padded_size
    free, _ = torch.cuda.mem_get_info(device)
    return max(1, min(_LARGEST_BATCH, free // 2 // (width * height * _BYTES_PER_PIXEL)))
