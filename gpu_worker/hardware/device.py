"""The kind of device that this node computes on: a GPU, if one works."""

from __future__ import annotations

import os

import torch

from gpu_worker.errors import NoGpuError
from gpu_worker.hardware import driver
from gpu_worker.plan import NEEDS_GPU


def usable_device() -> torch.device:
    """Return the kind of device to compute on: a GPU if one works, else the CPU.

    Raises:
        NoGpuError: none works, where `NEEDS_GPU` says that one must.
    """
    why = why_no_gpu()
    if not why:
        return torch.device("cuda")
    if os.environ.get(NEEDS_GPU):
        raise NoGpuError(f"This node has no GPU that PyTorch can use ({why}): {driver.told()}.")
    return torch.device("cpu")


def why_no_gpu() -> str:
    """Try a GPU; return what is wrong, empty if nothing is."""
    if not torch.cuda.is_available():
        return "CUDA is not available"
    try:
        torch.ones(1, device="cuda").add(1).item()
    except RuntimeError as error:  # built for other GPUs than this
        return str(error).partition("\n")[0].rstrip(".")
    return ""
