"""What the CPU can do, and how many of its cores are there to be used."""

import os

import torch


def has(instructions: str) -> bool:
    """Whether the CPU has such instructions, by PyTorch's name; False where that does not tell."""
    # Older versions of PyTorch do not.
    able = getattr(torch.cpu, "get_capabilities", dict[str, bool])()
    return bool(able.get(instructions))


def cores() -> int:
    """Count the cores that this process may use; only Linux tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def use_all() -> None:
    """Have PyTorch compute on every core, unless OMP_NUM_THREADS says on how many.

    By itself it goes by MKL, which keeps to one core where MPI's launcher has started the process.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(cores())
