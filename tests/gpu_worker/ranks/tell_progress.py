"""Each rank paints ten frames and its own number more, and tells so; rank 0 is done first."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from mpi4py import MPI

from gpu_worker.frames.frame import Frame
from gpu_worker.ranks.progress import Reporter
from gpu_worker.ranks.tally import tally
from gpu_worker.ranks.tickets import tickets
from tests.gpu_worker.plans import even, synthetic_plan

PLAN = synthetic_plan(even(100), shard_length=100)


def frames(rank: int) -> Iterator[Frame]:
    time.sleep(0.2 * rank)
    for index in range(10 + rank):
        yield Frame(PLAN.shards[0], index, np.full((72, 64), 128, np.uint8))


def main(folder: Path) -> None:
    comm = MPI.COMM_WORLD
    with tally(comm) as told:
        reporter = Reporter(folder, told, f"rank {comm.rank}", PLAN.picture)
        with tickets(comm, 0, reporter.keep_up):
            list(reporter.watch(frames(comm.rank)))
            reporter.finish()
        reporter.add_up()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
