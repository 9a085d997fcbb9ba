"""An MPI program: every rank draws tickets, rank 0 one only as long as the others draw.

While the others draw, rank 0 makes no MPI call: it waits for a file that the drawer of the last
ticket leaves. It prints, as JSON, the tickets of each rank in two rounds.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from mpi4py import MPI

from gpu_worker.ranks.tickets import tickets

PATIENCE_SECONDS = 20

comm = MPI.COMM_WORLD
count, last_is_drawn = int(sys.argv[1]), Path(sys.argv[2])


def draw(mine: Iterator[int]) -> Iterator[int]:
    for ticket in mine:
        yield ticket
        if ticket == count - 1:
            last_is_drawn.touch()
        if comm.rank == 0 and comm.size > 1:
            be_busy()


def be_busy() -> None:
    for _ in range(PATIENCE_SECONDS * 100):
        if last_is_drawn.exists():
            return
        time.sleep(0.01)
    print("the others could not draw while rank 0 was busy", file=sys.stderr)
    comm.Abort(1)


with tickets(comm, count) as mine:
    first = list(draw(mine))
with tickets(comm, 2) as mine:
    second = list(mine)
rounds = comm.gather((first, second))
if rounds is not None:
    print(json.dumps(rounds))
