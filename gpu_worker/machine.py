"""The part of a machine that one rank paints with: its device, its cores, its number format."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final, Self

import torch
from mpi4py import MPI

from gpu_worker import cpu, driver
from gpu_worker.errors import NoGpuError
from gpu_worker.plan import NEEDS_GPU

PRECISIONS: Final = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
"""Number formats that a network can be painted in, by the name that the command line knows."""
_FAST_BFLOAT16: Final = ("amx_bf16", "avx512_bf16")
"""CPU instructions that multiply bfloat16 faster than float32."""
_TENSOR_CORES: Final = (7, 0)
"""First CUDA compute capability that multiplies float16 faster than float32."""


@dataclass(frozen=True, slots=True)
class Precision:
    """The number format of weights and activations; statistics and colours stay float32.

    Attributes:
        dtype: one of `PRECISIONS`.
        reason: why this one, for the log.
    """

    dtype: torch.dtype
    reason: str

    @classmethod
    def choose(cls, device: torch.device, wanted: str | None = None) -> Self:
        """Take what is wanted, a key of `PRECISIONS`, or else what `device` is fastest with."""
        if wanted is not None:
            return cls(PRECISIONS[wanted], "as asked for")
        return cls(*(_fastest_on_cpu() if device.type == "cpu" else _fastest_on_gpu(device)))

    def __str__(self) -> str:
        """Name the format and the reason."""
        return f"{str(self.dtype).removeprefix('torch.')} ({self.reason})"


@dataclass(frozen=True, slots=True)
class Machine:
    """This rank's part of the machine that it runs on.

    Attributes:
        device: where to paint.
        threads: CPU cores to itself.
    """

    device: torch.device
    threads: int

    @classmethod
    def share(cls, comm: MPI.Intracomm) -> Self:
        """Share devices and cores evenly among the ranks of `comm` that run on this machine.

        Raises:
            NoGpuError: a GPU is needed, and none works.
        """
        local = comm.Split_type(MPI.COMM_TYPE_SHARED)
        threads = max(1, _cores() // local.size)
        device = usable_device()
        if device.type == "cpu":
            return cls(device, threads)
        return cls(torch.device("cuda", local.rank % torch.cuda.device_count()), threads)

    def __str__(self) -> str:
        """Name the device for people."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return f"{self.threads}-core CPU"


def usable_device() -> torch.device:
    """Return the kind of device to compute on: a GPU if one works, else the CPU.

    Raises:
        NoGpuError: none works, where `NEEDS_GPU` says that one must.
    """
    why = _why_no_gpu()
    if not why:
        return torch.device("cuda")
    if os.environ.get(NEEDS_GPU):
        raise NoGpuError(f"This node has no GPU that PyTorch can use ({why}): {driver.told()}.")
    return torch.device("cpu")


def _why_no_gpu() -> str:
    """Try a GPU; return what is wrong, empty if nothing is."""
    if not torch.cuda.is_available():
        return "CUDA is not available"
    try:
        torch.ones(1, device="cuda").add(1).item()
    except RuntimeError as error:  # built for other GPUs than this
        return str(error).partition("\n")[0].rstrip(".")
    return ""


def _cores() -> int:
    """Count the CPU cores that this process may use; only Linux tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _fastest_on_cpu() -> tuple[torch.dtype, str]:
    for instructions in _FAST_BFLOAT16:
        if cpu.has(instructions):
            return torch.bfloat16, f"the CPU has {instructions}"
    return torch.float32, "the CPU is not known to multiply bfloat16 any faster"


def _fastest_on_gpu(device: torch.device) -> tuple[torch.dtype, str]:
    if torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16, "the GPU multiplies it at full rate"
    if torch.cuda.get_device_capability(device) >= _TENSOR_CORES:
        return torch.float16, "the GPU has tensor cores, but none for bfloat16"
    return torch.float32, "the GPU has no tensor cores"
