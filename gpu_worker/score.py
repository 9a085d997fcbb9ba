"""Scoring: paint the shards of a plan, on as many ranks as there are.

    mpiexec -n N python -m gpu_worker.score --plan plan.json --video FILE --style FILE --out DIR

Each rank takes a ticket for a shard, decodes it, paints it and encodes it; the three stages work at
the same time, across the borders of shards. Shards that are whole in DIR already are left as they
are, so a run that was cut off goes on where it stopped. When a rank fails, `failure.json` in DIR
says why, and all ranks end.
"""

from __future__ import annotations

import argparse
import gc
import logging
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Final

import torch
from mpi4py import MPI

from gpu_worker import logs
from gpu_worker.errors import ToolError
from gpu_worker.failure import report_failure
from gpu_worker.files import is_json, is_sealed, write_whole
from gpu_worker.frames.context import frames_around
from gpu_worker.frames.encode import write_shard
from gpu_worker.frames.frame import Frame
from gpu_worker.frames.proxy import write_proxy
from gpu_worker.frames.sheet import Sampler
from gpu_worker.frames.steady import steadied, watched
from gpu_worker.hardware import memory
from gpu_worker.hardware.compilation import Compilation
from gpu_worker.hardware.machine import Machine
from gpu_worker.hardware.precision import PRECISIONS, Precision
from gpu_worker.plan import FAILURE_NAME, PROGRESS_PREFIX, SWATCHES_NAME, Plan, Shard
from gpu_worker.ranks.describe import Described, describe, write_lines
from gpu_worker.ranks.metrics import Metrics
from gpu_worker.ranks.paint import paint
from gpu_worker.ranks.pipeline import prefetch
from gpu_worker.ranks.progress import Reporter
from gpu_worker.ranks.tally import tally
from gpu_worker.ranks.tickets import tickets
from gpu_worker.scorers import load_scorer
from gpu_worker.styles.model import load_style
from gpu_worker.styles.swatches import swatches

_AHEAD: Final = 16
"""Frames that may wait between two stages."""
_INTERRUPTED: Final = 130

type Work = Callable[[Iterator[Shard], Reporter], None]
"""What does the shards that it is given, and counts their frames."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """What the command line asks for."""

    plan: Path
    video: Path
    style: Path
    out: Path
    swatch: list[list[str]]
    precision: str | None
    compile: bool | None


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one rank; end the whole world if it fails."""
    task = _parse(arguments)
    comm = MPI.COMM_WORLD
    logs.configure(comm.rank)
    memory.keep_freed()
    # What was imported stays to the end, when looking through it for garbage would cost 0.2 s.
    gc.freeze()
    try:
        score(task, comm)
    except KeyboardInterrupt:
        comm.Abort(_INTERRUPTED)
    except BaseException as error:
        try:
            report_failure(error, task.out, among_ranks=True)
        finally:
            comm.Abort(1)


def _parse(arguments: Sequence[str] | None) -> Task:
    parser = argparse.ArgumentParser(
        prog="python -m gpu_worker.score", description="Paint the shards of a plan."
    )
    parser.add_argument("--plan", type=Path, required=True, help="plan.json of the job")
    parser.add_argument("--video", type=Path, required=True, help="the file the plan was made of")
    parser.add_argument("--style", type=Path, required=True, help="a style, .safetensors")
    parser.add_argument("--out", type=Path, required=True, help="folder for the painted shards")
    parser.add_argument(
        "--swatch",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "FILE"),
        help="another style, to paint one small frame in; may be repeated",
    )
    parser.add_argument("--precision", choices=PRECISIONS, help="default: what is fastest here")
    parser.add_argument(
        "--compile", action=argparse.BooleanOptionalAction, help="default: on a GPU"
    )
    return Task(**vars(parser.parse_args(arguments)))


def score(task: Task, comm: MPI.Intracomm) -> None:
    """Paint, together with the other ranks, every shard that is not there yet.

    Raises:
        InputError: the video or the style cannot be used.
        PlanError: the plan cannot be read.
        ToolError: something went wrong that may go right another time.
    """
    plan = Plan.from_json(task.plan.read_bytes())
    logs.about(plan.job_id)
    if comm.rank == 0:
        # First of all, lest it take what a rank of this run has to say.
        _clear_away(task.out)
    pending = _pending(plan, task.out, comm)
    if not task.video.is_file():
        raise ToolError(f"The video {task.video.name} is not there.")
    machine = Machine.share(comm)
    torch.set_num_threads(machine.threads)
    prepared = _describing if plan.makes_lines else _painting
    with (
        prepared(task, plan, machine, comm) as work,
        closing(Metrics()) as metrics,
        tally(comm) as told,
    ):
        reporter = Reporter(task.out, told, str(machine), plan.picture, metrics=metrics)
        with tickets(comm, len(pending), reporter.keep_up) as mine:
            work((pending[ticket] for ticket in mine), reporter)
            reporter.finish()
        reporter.add_up()


@contextmanager
def _painting(task: Task, plan: Plan, machine: Machine, comm: MPI.Intracomm) -> Generator[Work]:
    """Get ready to paint; give what paints shards."""
    precision = Precision.choose(machine.device, task.precision)
    compilation = Compilation.choose(machine.device, task.compile)
    log.info("painting on %s in %s, %s", machine, precision, compilation)
    network = load_style(task.style, machine.device).network.to(precision.dtype)
    sampler = Sampler(plan, task.out)

    def work(shards: Iterator[Shard], reporter: Reporter) -> None:
        decoding = _decoded(shards, task, plan, sampler, machine.threads)
        decoded = prefetch(decoding, _AHEAD)
        painting = paint(decoded, network, plan, machine.device, compilation.wanted)
        if plan.reach:
            painting = steadied(painting, plan.reach, machine.threads)
        painted = prefetch(painting, _AHEAD)
        with closing(decoded), closing(painted):
            seen = reporter.watch(sampler.after(painted))
            _encode(seen, plan, task.out, machine.threads)

    yield work
    frame = sampler.finish(comm)
    if frame and task.swatch:
        styles = {name: Path(file) for name, file in task.swatch}
        write_whole(task.out / SWATCHES_NAME, swatches(frame, styles, machine.device))


@contextmanager
def _describing(task: Task, plan: Plan, machine: Machine, comm: MPI.Intracomm) -> Generator[Work]:
    """Get ready to describe frames; give what describes shards."""
    del comm
    scorer = load_scorer(task.style, machine.device)
    log.info("describing on %s", machine)

    def work(shards: Iterator[Shard], reporter: Reporter) -> None:
        threads = machine.threads
        decoding = (
            frame
            for shard in shards
            for frame in frames_around(task.video, plan, shard, threads, before=scorer.before)
        )
        with closing(prefetch(decoding, _AHEAD)) as decoded:
            described = describe(decoded, scorer, plan, machine.device)
            _write_lines(described, reporter, plan, task.out)

    yield work


def _clear_away(out: Path) -> None:
    """Forget what an earlier run said."""
    out.mkdir(parents=True, exist_ok=True)
    for said in (out / FAILURE_NAME, *out.glob(f"{PROGRESS_PREFIX}*")):
        said.unlink(missing_ok=True)


def _pending(plan: Plan, out: Path, comm: MPI.Intracomm) -> list[Shard]:
    """Return the shards that are not there yet, or not whole; each rank reads its share of them.

    The longest first: what is short comes last, when a rank may have nothing left but to wait for
    the others (Graham 1969, doi:10.1137/0117039).
    """
    names = comm.bcast({file.name for file in out.iterdir()} if comm.rank == 0 else None)
    there = [shard for shard in plan.shards if shard.name in names]
    mine = {shard.index for shard in there[comm.rank :: comm.size] if _is_done(plan, shard, out)}
    done = {index for indexes in comm.allgather(mine) for index in indexes}
    missing = (shard for shard in plan.shards if shard.index not in done)
    return sorted(missing, key=len, reverse=True)


def _is_done(plan: Plan, shard: Shard, out: Path) -> bool:
    damage = out / shard.damage_name
    return is_sealed(out / shard.name, plan, shard) and (not damage.exists() or is_json(damage))


def _decoded(
    shards: Iterator[Shard], task: Task, plan: Plan, sampler: Sampler, threads: int
) -> Generator[Frame]:
    for shard in shards:
        reach = plan.reach
        around = frames_around(task.video, plan, shard, threads, before=reach, after=reach)
        decoded = sampler.before(watched(around) if reach else around)
        if plan.needs_proxy:
            decoded = write_proxy(decoded, plan, shard, task.out)
        yield from decoded


def _encode(painted: Iterator[Frame], plan: Plan, out: Path, threads: int) -> None:
    for shard, of_shard in groupby(painted, attrgetter("shard")):
        start = time.monotonic()
        write_shard(of_shard, plan, shard, out, threads)
        seconds = time.monotonic() - start
        log.info(
            "shard %d: frames %d to %d in %.1f s", shard.index, shard.first, shard.last, seconds
        )


def _write_lines(described: Iterator[Described], reporter: Reporter, plan: Plan, out: Path) -> None:
    for shard, of_shard in groupby(described, lambda each: each.frame.shard):
        write_lines(_counted(of_shard, reporter), plan, shard, out)
        log.info("shard %d: frames %d to %d", shard.index, shard.first, shard.last)


def _counted(described: Iterator[Described], reporter: Reporter) -> Iterator[Described]:
    for each in described:
        reporter.count(each.frame)
        yield each


if __name__ == "__main__":
    main()
