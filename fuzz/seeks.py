"""Whether each shard holds what decoding the upload from its start holds, whatever a decoder knows.

A file is uploaded and preprocessed; then each shard of its plan is decoded as the worker does, and
every frame's hash is held against that of FFmpeg decoding the upload at one go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import ffmpeg

from function_app.errors import InputError
from function_app.stages.preprocess import preprocess
from function_app.store import paths, storage
from function_app.store.jobs import Job
from gpu_worker.frames.decode import frames, read_planes
from gpu_worker.frames.filters import pictures
from gpu_worker.frames.frame import Planes
from gpu_worker.frames.process import running
from gpu_worker.plan import Plan

THREADS = 1
FIRST_NAMED = 10


def compare(job: Job, content: bytes) -> str:
    """Return what differs in an upload, in a sentence; empty if nothing does, or it is refused."""
    try:
        work = preprocess(job)
    except InputError:
        return ""
    plan = Plan.from_json(storage.read(paths.JOBS, job.folder.plan) or b"")
    with TemporaryDirectory() as folder:
        upload, source = Path(folder) / "upload", Path(folder) / "source"
        upload.write_bytes(content)
        source.write_bytes(storage.read(work.source_container, work.source_blob) or b"")
        return difference(plan, source, upload)


def difference(plan: Plan, source: Path, upload: Path, stream: str = "v:0") -> str:
    """Hold the shards of a plan against the upload; return what differs, empty if nothing does.

    Args:
        plan: of the upload.
        source: what the worker reads, the upload or its copy.
        upload: the file itself.
        stream: of the upload, as FFmpeg names it.
    """
    truth = list(_hashes(_at_one_go(plan, upload, stream)))
    found = list(
        _hashes(frame.planes for shard in plan.shards for frame in frames(source, plan, shard, 1))
    )
    if len(found) != len(truth):
        return f"{len(found)} frames are planned, FFmpeg decodes {len(truth)}"
    wrong = [at for at, (a, b) in enumerate(zip(found, truth, strict=True)) if a != b]
    return f"{len(wrong)} frames differ: {wrong[:FIRST_NAMED]}" if wrong else ""


def _at_one_go(plan: Plan, upload: Path, name: str) -> Iterator[Planes]:
    options: dict[str, object] = {"copyts": None, "noautorotate": None, "threads": THREADS}
    stream = ffmpeg.input(f"file:{upload}", **options)[name]
    graph = pictures(stream, plan.picture).output(
        "pipe:1", format="rawvideo", fps_mode="passthrough"
    )
    with running(graph) as child:
        while (planes := read_planes(child, plan.picture)) is not None:
            yield planes


def _hashes(pictures: Iterable[Planes]) -> Iterator[bytes]:
    for planes in pictures:
        yield hashlib.sha256(memoryview(planes)).digest()
