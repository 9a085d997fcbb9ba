"""What a machine can do at most: the ceilings that the other benchmarks are measured against."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import imageio_ffmpeg
import torch

from benchmarks.timing import best_seconds

COPIED_BYTES = 2**28
MATRIX_SIDE = {"cpu": 2048, "cuda": 8192}


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
    return frames / _run("-i", str(video), "-f", "null", "-")


def encode_rate(raw: Path, size: tuple[int, int], frames: int, preset: str, crf: int) -> float:
    """Return the frames a second that x264 encodes to nowhere, with all cores.

    Args:
        raw: yuv420p frames, one after the other.
        size: width and height.
        frames: how many.
        preset: of x264.
        crf: quality.
    """
    raw_input = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", "{}x{}".format(*size))
    encoder = ("-c:v", "libx264", "-preset", preset, "-crf", str(crf))
    return frames / _run(*raw_input, "-i", str(raw), *encoder, "-f", "null", "-")


def _run(*words: str) -> float:
    """Run ffmpeg and return the seconds that it took."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-nostdin", *words]
    start = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - start
