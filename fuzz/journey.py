"""The way of one file, from its upload to its end, in child processes under the app's limits."""

from __future__ import annotations

import faulthandler
import io
import json
import os
import resource
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import av
from azure.storage.blob import BlobServiceClient

import gpu_worker.errors
from function_app.errors import InputError
from function_app.options.container import Container
from function_app.settings import settings
from function_app.stages import preprocess
from function_app.stages.isolation import limit_process
from function_app.stages.stitch import stitch
from function_app.store import paths, results, storage
from function_app.store.jobs import Job
from gpu_worker.frames.decode import frames
from gpu_worker.frames.encode import write_shard
from gpu_worker.plan import Plan

HUNG_S = 60.0
STYLE = "identity"
PIECE = 2**16
LONGEST_SENTENCE = 500
NEAR_S = {Container.MP4: 0.0001, Container.MKV: 0.001}
"""By which a result's frame may come at another time: it has ticks too."""
RESULT, REFUSED, CONTAINED, VIOLATION = "result", "refused", "contained", "violation"

type Step = Callable[[Job], str]


@dataclass(frozen=True, slots=True)
class End:
    """How a journey ended.

    Attributes:
        outcome: "result"; "refused"; "contained", where what read the file crashed or came to a
            limit, as the app answers it; or "violation" of the rules.
        detail: the sentence, the last step's notes, or what went wrong.
        seconds: it took.
        peak_mib: most memory that the child or one of its own had at once.
    """

    outcome: str
    detail: str
    seconds: float
    peak_mib: float


def uploaded(
    storage: BlobServiceClient, name: str, content: bytes, metadata: dict[str, str] | None = None
) -> Job:
    """Upload a file; return its job."""
    blob = storage.get_blob_client(paths.VIDEOS, f"{STYLE}/{name}")
    etag = str(blob.upload_blob(content, overwrite=True, metadata=metadata)["etag"])
    return Job.of(blob.blob_name, etag)


def travel(job: Job) -> End:
    """Go the way of an uploaded file; whatever it does, come back."""
    start, peak = time.monotonic(), 0.0
    outcome, detail = VIOLATION, "nothing was done"
    for step in STEPS:
        outcome, detail, kib = in_child(step, job)
        peak = max(peak, kib / 1024)
        if outcome != RESULT:
            break
    return End(outcome, detail, round(time.monotonic() - start, 3), round(peak, 1))


def in_child(step: Step, job: Job, most_s: float = HUNG_S) -> tuple[str, str, int]:
    """Return how a step ended, what it says, and the peak of its memory in KiB.

    Of one that hangs, where it was half-way.
    What the app runs under limits is; the memory is that of the child or of one of its own.
    """
    reading, writing = os.pipe()
    if (pid := os.fork()) == 0:
        os.close(reading)
        faulthandler.dump_traceback_later(most_s / 2, file=writing)
        _live(step, job, writing, limited=step is not _paint)
    os.close(writing)
    with os.fdopen(reading, "rb", buffering=0) as answers:
        answer, in_time = _hear(answers, time.monotonic() + most_s)
    if not in_time:
        os.kill(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    ended = os.waitstatus_to_exitcode(status) if in_time else None
    outcome, detail, peak_of_children = _judge(ended, answer, most_s)
    return outcome, detail, max(usage.ru_maxrss, peak_of_children)


def _hear(answers: io.FileIO, deadline: float) -> tuple[bytes, bool]:
    """Read what a child says until it ends; return whether that was in time, too."""
    heard = b""
    while select.select([answers], [], [], max(0.0, deadline - time.monotonic()))[0]:
        if not (piece := answers.read(PIECE)):
            return heard, True
        heard += piece
    return heard, False


def _judge(status: int | None, answer: bytes, most_s: float) -> tuple[str, str, int]:
    if status is None:
        return VIOLATION, f"hung for {most_s:g} s: {answer.decode()}", 0
    if status < 0:
        return CONTAINED, signal.Signals(-status).name, 0
    try:
        outcome, detail, peak = json.loads(answer.rpartition(b"\n")[2])
    except ValueError:
        return VIOLATION, f"ended with status {status} and no answer", 0
    return outcome, detail, peak


def _live(step: Step, job: Job, writing: int, *, limited: bool) -> None:
    """Do a step in the child, say how it ended, and end."""
    try:
        if limited:
            limit_process(settings())
        outcome, detail = _end_of(step, job)
    except BaseException as error:
        outcome, detail = VIOLATION, f"{type(error).__name__}: {error}"
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    faulthandler.cancel_dump_traceback_later()
    os.write(writing, json.dumps([outcome, detail, peak]).encode())
    os._exit(0)


def _end_of(step: Step, job: Job) -> tuple[str, str]:
    try:
        return RESULT, step(job)
    except (InputError, gpu_worker.errors.InputError) as error:
        sentence = str(error)
        good = sentence.isprintable() and len(sentence) <= LONGEST_SENTENCE
        return (REFUSED if good else VIOLATION), sentence
    except MemoryError:
        return CONTAINED, "MemoryError"


def _preprocess(job: Job) -> str:
    return "; ".join(preprocess.preprocess(job).notes)


def _paint(job: Job) -> str:
    """Paint as the worker does, by a network that changes nothing."""
    plan = plan_of(job)
    with TemporaryDirectory() as name:
        video, work = Path(name) / "video", Path(name) / "work"
        work.mkdir()
        copied = storage.read(paths.JOBS, job.folder.source(".mkv"))
        video.write_bytes(copied or storage.read(paths.VIDEOS, job.video.blob) or b"")
        for shard in plan.shards:
            write_shard(frames(video, plan, shard, 1), plan, shard, work, 1)
        for file in work.iterdir():
            storage.write(paths.JOBS, job.folder.output(file.name), file.read_bytes(), "video/mp4")
    return ""


def _stitch(job: Job) -> str:
    joined = stitch(job)
    if joined.lost:
        raise RuntimeError(f"{joined.lost} shards are lost")
    if joined.differs:
        raise RuntimeError(joined.differs)
    _demux(job)
    return joined.note


def _demux(job: Job) -> None:
    """Reach every frame of a result as a player does, whatever the app says of it.

    Raises:
        RuntimeError: there are more or fewer than planned, or one comes at another time.
    """
    planned = plan_of(job).result
    name = results.find(job) or ""
    near = next(NEAR_S[each] for each in Container if name.endswith(each.suffix))
    result = io.BytesIO(storage.read(paths.RESULTS, name) or b"")
    with av.open(result, "r") as container:
        stream = container.streams.video[0]
        tick = float(stream.time_base or 0)
        reached = sorted(
            packet.pts * tick
            for packet in container.demux(stream)
            if packet.pts is not None and not packet.is_discard
        )
    wanted = [pts * float(planned.seconds_per_tick) for pts in planned]
    if len(reached) != len(wanted):
        raise RuntimeError(f"a player reaches {len(reached)} frames of {len(wanted)}")
    if any(abs(one - other) > near for one, other in zip(reached, wanted, strict=True)):
        raise RuntimeError("a player shows frames at other times than planned")


def plan_of(job: Job) -> Plan:
    """Read a job's plan."""
    return Plan.from_json(storage.read(paths.JOBS, job.folder.plan) or b"")


STEPS: tuple[Step, ...] = (_preprocess, _paint, _stitch)
"""The whole way; each returns what is noted of the file."""
