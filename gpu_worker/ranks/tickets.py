"""Tickets: work is handed out by a counter that all ranks share, whoever is free taking the next.

There is no master to wait for and no even split for a slow node to spoil. The counter lives in
the memory of rank 0 and is read and raised by one-sided MPI.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from threading import Event, Thread

import numpy as np
from mpi4py import MPI

from gpu_worker.errors import ToolError

_COUNTER = np.int64
_PROBE_SECONDS = 0.005
_WAIT_SECONDS = 0.02


@contextmanager
def tickets(
    comm: MPI.Intracomm, count: int, meanwhile: Callable[[], None] = lambda: None
) -> Generator[Iterator[int]]:
    """Share the numbers `0 .. count - 1` among the ranks, each number going to one rank once.

    Collective: every rank of `comm` enters with the same `count`. Inside, each rank draws rising
    numbers whenever it likes, from any one thread. A rank that leaves waits, without spinning,
    for the others, calling `meanwhile` again and again; one that leaves by an exception does not
    wait, and should abort the world.

    Raises:
        ToolError: the MPI library was started without support for threads.
    """
    if MPI.Query_thread() < MPI.THREAD_MULTIPLE:
        raise ToolError("The MPI library does not let several threads call it at once.")
    window = MPI.Win.Allocate(_COUNTER().nbytes, comm=comm)
    window.Lock(comm.rank)
    np.frombuffer(window.tomemory(), _COUNTER)[:] = 0
    window.Unlock(comm.rank)
    comm.Barrier()
    with _answering(comm):
        yield _draws(window, count)
        wait_for_all(comm, meanwhile)
    window.Free()


def wait_for_all(comm: MPI.Intracomm, meanwhile: Callable[[], None]) -> None:
    """Wait until every rank is here; a plain `Barrier` would take a core from those that paint."""
    request = comm.Ibarrier()
    while not request.Test():
        meanwhile()
        time.sleep(_WAIT_SECONDS)


def _draws(window: MPI.Win, count: int) -> Iterator[int]:
    while (ticket := _fetch_and_add_one(window)) < count:
        yield ticket


def _fetch_and_add_one(window: MPI.Win) -> int:
    one = np.ones(1, _COUNTER)
    before = np.empty(1, _COUNTER)
    window.Lock(0, MPI.LOCK_SHARED)
    window.Fetch_and_op(one, before, 0)
    window.Unlock(0)
    return int(before[0])


@contextmanager
def _answering(comm: MPI.Intracomm) -> Generator[None]:
    """Let rank 0 answer one-sided calls while its other threads are busy outside MPI.

    MPICH makes progress only inside MPI calls: without this, every draw of another rank waits
    until rank 0 happens to make one. Probing for a message that never comes is such a call.
    """
    if comm.rank != 0 or comm.size == 1:
        yield
        return
    leaving = Event()
    probe = Thread(target=_probe_until, args=(leaving, comm))
    probe.start()
    try:
        yield
    finally:
        leaving.set()
        probe.join()


def _probe_until(leaving: Event, comm: MPI.Intracomm) -> None:
    while not leaving.wait(_PROBE_SECONDS):
        comm.Iprobe()
