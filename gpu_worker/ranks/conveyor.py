"""The conveyor: batches to the device, through it, and back, several on their way at once.

On a GPU three streams work side by side: one copies batches up, one paints, one copies down; host
memory is pinned, lest a copy wait for the processor. The slowest of the three sets the pace. A CPU
has nothing to copy.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import torch
from torch import Tensor

from gpu_worker.frames.frame import Planes

_IN_FLIGHT: Final = 2
"""Batches that are queued on a GPU while the host waits for the oldest."""


def through(
    device: torch.device, batches: Iterable[Planes], work: Callable[[Tensor], Tensor]
) -> Iterator[Planes]:
    """Yield what `work` makes of each batch, in order.

    Args:
        device: where to work; the index of a GPU is that of the current CUDA device.
        batches: uint8 of shape `(N, H * 3/2, W)`, on the host.
        work: takes and returns such a tensor on `device`; no gradients are kept.
    """
    tensors = (torch.as_tensor(batch) for batch in batches)
    if device.type == "cpu":
        return (_worked(work, tensor).numpy() for tensor in tensors)
    return _overlapped(_Streams(device), tensors, work)


@torch.inference_mode()
def _worked(work: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
    return work(batch)


def _overlapped(
    streams: _Streams, batches: Iterable[Tensor], work: Callable[[Tensor], Tensor]
) -> Iterator[Planes]:
    in_flight: deque[tuple[Tensor, torch.cuda.Event]] = deque()
    for batch in batches:
        in_flight.append(streams.send(batch, work))
        if len(in_flight) > _IN_FLIGHT:
            yield _landed(*in_flight.popleft())
    while in_flight:
        yield _landed(*in_flight.popleft())


def _landed(result: Tensor, there: torch.cuda.Event) -> Planes:
    there.synchronize()
    return result.numpy()


class _Streams:
    """What a GPU does side by side, each in its own order."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._up = torch.cuda.Stream(device)
        self._work = torch.cuda.Stream(device)
        self._down = torch.cuda.Stream(device)

    def send(
        self, batch: Tensor, work: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, torch.cuda.Event]:
        """Queue all that is to be done; returns where the result will be, and the event of that."""
        with torch.cuda.stream(self._up):
            there = batch.pin_memory().to(self._device, non_blocking=True)
        self._work.wait_stream(self._up)
        with torch.cuda.stream(self._work):
            there.record_stream(self._work)
            done = _worked(work, there)
        self._down.wait_stream(self._work)
        with torch.cuda.stream(self._down):
            done.record_stream(self._down)
            result = torch.empty(done.shape, dtype=done.dtype, pin_memory=True)
            result.copy_(done, non_blocking=True)
            landed = torch.cuda.Event()
            landed.record()
        return result, landed
