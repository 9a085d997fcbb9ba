"""The tally: what every rank has painted so far, kept in the memory of rank 0.

So one small file tells the progress of any number of ranks, and whoever polls it reads one blob.
Ranks put their share there by one-sided MPI; nobody waits for anybody.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import numpy as np
from mpi4py import MPI

_SHARE = np.dtype([("frames", np.float64), ("frames_per_second", np.float64)])


class Tally:
    """The shares of all ranks.

    Attributes:
        is_kept_here: this is rank 0, which alone can add them up.
    """

    def __init__(self, window: MPI.Win, comm: MPI.Intracomm) -> None:
        """Use a window of rank 0; `tally` is the way to do so."""
        self._window = window
        self._rank = comm.rank
        self.is_kept_here = comm.rank == 0

    def put(self, frames: int, frames_per_second: float) -> None:
        """Tell this rank's share: frames so far, and the rate at present."""
        share = np.array((frames, frames_per_second), _SHARE)
        where = (self._rank * _SHARE.itemsize, _SHARE.itemsize, MPI.BYTE)
        self._window.Lock(0)
        self._window.Put((share, MPI.BYTE), 0, where)
        self._window.Unlock(0)

    def total(self) -> tuple[int, float]:
        """Add up the shares: frames, and frames a second. On rank 0 only."""
        self._window.Lock(0)
        shares = np.frombuffer(self._window.tomemory(), _SHARE).copy()
        self._window.Unlock(0)
        return int(shares["frames"].sum()), float(shares["frames_per_second"].sum())


@contextmanager
def tally(comm: MPI.Intracomm) -> Generator[Tally]:
    """Begin at nothing. Collective: every rank of `comm` enters and leaves."""
    size = comm.size * _SHARE.itemsize if comm.rank == 0 else 0
    window = MPI.Win.Allocate(size, comm=comm)
    if comm.rank == 0:
        window.Lock(0)
        np.frombuffer(window.tomemory(), np.uint8)[:] = 0
        window.Unlock(0)
    comm.Barrier()
    yield Tally(window, comm)
    window.Free()
