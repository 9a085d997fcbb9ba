"""What a node says of its GPU driver, for people: read without PyTorch, which may not get along."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path
from typing import Final

import torch

_MODULE: Final = Path("/proc/driver/nvidia/version")
_LIBRARY: Final = "libcuda.so.1"


def version(module: Path = _MODULE) -> str:
    """Return the version of the NVIDIA driver that runs, such as `535.161.08`; empty for none."""
    try:
        found = re.search(r"\s(\d+\.\d+(?:\.\d+)?)\s", module.read_text())
    except OSError:
        return ""
    return found[1] if found else ""


def newest_cuda(library: str = _LIBRARY) -> str:
    """Return the newest CUDA that the driver runs, such as `12.2`; empty if there is no driver.

    https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__VERSION.html
    """
    number = ctypes.c_int()
    try:
        status = ctypes.CDLL(library).cuDriverGetVersion(ctypes.byref(number))
    except OSError:
        return ""
    return f"{number.value // 1000}.{number.value % 1000 // 10}" if status == 0 else ""


def told() -> str:
    """Say which driver runs here, and for which CUDA PyTorch was built."""
    driver, newest = version(), newest_cuda()
    runs = f"the driver is {driver or 'of unknown version'}" if driver or newest else "no driver"
    upto = f", for CUDA {newest} at most" if newest else ""
    built = f"for CUDA {torch.version.cuda}" if torch.version.cuda else "without CUDA"
    return f"{runs}{upto}, and PyTorch {torch.__version__.partition('+')[0]} was built {built}"
