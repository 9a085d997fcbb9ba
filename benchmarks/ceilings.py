"""What a machine can do at most: the ceilings that the other benchmarks are measured against."""

from __future__ import annotations

from pathlib import Path

import torch

from benchmarks.media import Size, ffmpeg, raw_input, x264
from benchmarks.timing import best_seconds, seconds
from gpu_worker.plan import Encoding

COPIED_BYTES = 2**28
MATRIX_SIDE = {"cpu": 1024, "cuda": 8192}
NOWHERE = ("-f", "null", "-")


def matmul_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Return the floating point operations a second of a product of square matrices."""
    side = MATRIX_SIDE[device.type]
    matrix = torch.randn(side, side, device=device).to(dtype)
    with torch.inference_mode():
        return 2 * side**3 / best_seconds(lambda: matrix @ matrix)


def copy_rate(device: torch.device) -> float:
    """Return the bytes a second from host to device, or on a CPU from memory to memory."""
    source = torch.zeros(COPIED_BYTES, dtype=torch.uint8, pin_memory=device.type == "cuda")
    there = torch.empty(COPIED_BYTES, dtype=torch.uint8, device=device)
    return COPIED_BYTES / best_seconds(lambda: there.copy_(source))


def decode_rate(video: Path, frames: int) -> float:
    """Return the frames a second that ffmpeg decodes to nowhere, with all cores."""
    return frames / seconds(lambda: ffmpeg("-i", video, *NOWHERE))


def encode_rate(raw: Path, size: Size, frames: int, encoding: Encoding) -> float:
    """Return the frames a second that x264 encodes to nowhere, with all cores.

    Args:
        raw: yuv420p frames, one after the other.
        size: of the frames.
        frames: how many.
        encoding: preset and quality.
    """
    source, encoder = raw_input(raw, size), x264(encoding)
    return frames / seconds(lambda: ffmpeg(*source, *encoder, *NOWHERE))
