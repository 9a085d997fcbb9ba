"""One rank in the process of the tests, which have started Python, PyTorch and MPI already."""

from pathlib import Path

import torch
from mpi4py import MPI

from gpu_worker.score import Task, score


def paint(plan: Path, video: Path, style: Path, out: Path, precision: str | None = None) -> None:
    """Paint as `python -m gpu_worker.score` does; what goes wrong is raised."""
    threads = torch.get_num_threads()
    try:
        score(Task(plan, video, style, out, [], precision, compile=None), MPI.COMM_SELF)
    finally:
        torch.set_num_threads(threads)
