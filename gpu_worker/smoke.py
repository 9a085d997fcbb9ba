"""A smoke job: does all that painting stands on work, on these nodes?

    mpiexec -n N python -m gpu_worker.smoke --sample FILE --out DIR

Each rank tries its GPU, FFmpeg's encoders, the mounts that FILE and DIR are on, and one-sided MPI
with the other ranks; what it found is a `Smoke` in DIR. Nothing that it finds is a failure of the
job: who reads the reports says what they mean.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import random
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Timer
from typing import BinaryIO, Final

import ffmpeg
import torch
from mpi4py import MPI

from gpu_worker import logs
from gpu_worker.errors import ToolError
from gpu_worker.files import write_whole
from gpu_worker.frames.encode import codec_options
from gpu_worker.frames.process import running
from gpu_worker.hardware import driver
from gpu_worker.hardware.device import why_no_gpu
from gpu_worker.plan import Encoding, Smoke
from gpu_worker.ranks.tally import tally
from gpu_worker.ranks.tickets import tickets

_ENCODERS: Final = ("libx264", "h264_nvenc")
_CLIP: Final = "testsrc2=size=320x240:rate=25:duration=0.4"
_LEFT_BYTES: Final = 8 * 2**20
"""Of a rank's file: of the size of a shard."""
_BLOCK: Final = 2**20
_BLOCKS: Final = 16
_DRAWS: Final = 20
"""Tickets for each rank."""
_PATIENCE_SECONDS: Final = 60.0
"""Until ranks that do not reach each other are given up."""
_MB: Final = 1e6

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one rank."""
    parser = argparse.ArgumentParser(
        prog="python -m gpu_worker.smoke", description="Try what painting stands on."
    )
    parser.add_argument("--sample", type=Path, required=True, help="a file of some MB to read")
    parser.add_argument("--out", type=Path, required=True, help="folder for the reports")
    task = parser.parse_args(arguments)
    comm = MPI.COMM_WORLD
    logs.configure(comm.rank)
    task.out.mkdir(parents=True, exist_ok=True)
    found = look(comm, task.sample, task.out)
    _write(found, task.out)
    with _patience():
        found = replace(found, draws=_draws_a_second(comm))
    _write(found, task.out)


def look(comm: MPI.Intracomm, sample: Path, out: Path) -> Smoke:
    """Try all that needs no other rank.

    Args:
        comm: is asked for its size alone.
        sample: on the mount that inputs are on.
        out: folder on the mount that shards are written to.
    """
    far, apart, whole = _read(sample)
    smoke = Smoke(
        comm.rank,
        comm.size,
        MPI.Get_processor_name(),
        torch.cuda.device_count(),
        torch.cuda.get_device_name(0) if torch.cuda.device_count() else "",
        why_no_gpu(),
        driver.told(),
        tuple(filter(_encodes, _ENCODERS)),
        *("", "", far, apart, whole),
    )
    try:
        return replace(smoke, digest=_leave(out / smoke.left))
    except (OSError, ToolError) as error:
        return replace(smoke, unwritten=str(error))


def _read(sample: Path) -> tuple[float, float, float]:
    """Read a file as a decoder does: first far from its start, then here and there, then whole.

    Returns:
        Seconds of the first block; MB/s of the others; MB/s of the whole.
    """
    size = sample.stat().st_size
    dice = random.Random(0)
    places = [dice.randrange(max(1, size - _BLOCK)) for _ in range(_BLOCKS)]
    with sample.open("rb", buffering=0) as file:
        far, _ = _timed(file, [max(0, size - _BLOCK)], _BLOCK)
        apart, count = _timed(file, places, _BLOCK)
        whole, total = _timed(file, range(0, size, _BLOCK), _BLOCK)
    return far, count / apart / _MB, total / whole / _MB


def _timed(file: BinaryIO, places: Sequence[int], length: int) -> tuple[float, int]:
    """Return the seconds that reading at places took, and how many bytes were there."""
    start, count = time.perf_counter(), 0
    for place in places:
        file.seek(place)
        count += len(file.read(length))
    return time.perf_counter() - start, count


def _encodes(encoder: str) -> bool:
    """Tell whether an encoder takes what shards are encoded with."""
    options = codec_options(Encoding(codec=encoder), threads=1)
    graph = ffmpeg.input(_CLIP, format="lavfi").output(
        "pipe:1", format="null", pix_fmt="yuv420p", **options
    )
    try:
        with running(graph) as child:
            child.succeed()
    except ToolError:
        return False
    return True


def _leave(path: Path) -> str:
    """Write a file as shards are written, read it back, and return its SHA-256 in hex.

    Raises:
        OSError: it could not be written.
        ToolError: something else was read.
    """
    content = os.urandom(_LEFT_BYTES)
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if path.read_bytes() != content:
        raise ToolError("What was read back is not what was written.")
    return hashlib.sha256(content).hexdigest()


def _draws_a_second(comm: MPI.Intracomm) -> float:
    """Do what ranks do while they paint: draw tickets, and tell rank 0 a share.

    Raises:
        ToolError: a ticket or a share was lost.
    """
    start, count = time.perf_counter(), _DRAWS * comm.size
    with tally(comm) as told:
        with tickets(comm, count) as mine:
            drawn = sum(1 for _ in mine)
            told.put(1, 0.0)
        seconds = time.perf_counter() - start
        if comm.allreduce(drawn) != count or (told.is_kept_here and told.total()[0] != comm.size):
            raise ToolError("Ranks do not see what others put into a rank's memory.")
    return count / seconds


@contextmanager
def _patience() -> Generator[None]:
    """End the rank, and with it the job, where the body of the `with` seems never to end."""
    watch = Timer(_PATIENCE_SECONDS, _give_up)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def _give_up() -> None:
    log.error("the ranks do not reach each other within %.0f s", _PATIENCE_SECONDS)
    os._exit(1)


def _write(found: Smoke, out: Path) -> None:
    write_whole(out / found.name, found.to_json().encode())


if __name__ == "__main__":
    main()
