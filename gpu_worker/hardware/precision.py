"""The number format that a device computes in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import torch

from gpu_worker.hardware import cpu

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
