"""The part of a machine that one rank paints with: its device and its cores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from mpi4py import MPI

from gpu_worker.hardware.cpu import cores
from gpu_worker.hardware.device import usable_device


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
        threads = max(1, cores() // local.size)
        device = usable_device()
        if device.type == "cpu":
            return cls(device, threads)
        return cls(torch.device("cuda", local.rank % torch.cuda.device_count()), threads)

    def __str__(self) -> str:
        """Name the device for people."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return f"{self.threads}-core CPU"
