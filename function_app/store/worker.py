"""What a worker tells by the files in its output folder: how far it is, and why it gave up."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from function_app.store import paths, storage
from function_app.store.jobs import Job
from function_app.store.paths import JobFolder
from gpu_worker.plan import (
    FAILURE_NAME,
    PROGRESS_NAME,
    PROGRESS_PREFIX,
    SEAL_BYTES,
    Failure,
    Plan,
    PlanError,
    Progress,
    may_be_seal,
)

_CACHED = 256
_READS = 16
"""Shards whose ends are read at a time."""
_LOOKS = 3
_LOOK_AGAIN_SECONDS = 0.15


@dataclass(frozen=True, slots=True)
class Told:
    """The latest progress that reached storage, and how many seconds ago it did."""

    progress: Progress
    age: float


def told(folder: JobFolder) -> Told | None:
    """Return what the worker of a job told last; None if it has told nothing yet."""
    now = datetime.now(UTC)
    found = _progress(folder, int(now.timestamp()))
    if not found:
        return None
    progress, written = found
    return Told(progress, round(max(0.0, (now - written).total_seconds()), 1))


@lru_cache(_CACHED)
def _progress(folder: JobFolder, second: int) -> tuple[Progress, datetime] | None:
    """Read the worker's progress, once a second at most: looks are closer together at the end.

    A file on the nodes' mount may be seen half; the whole of it comes a moment later.
    """
    del second  # part of what is remembered, no more
    for _ in range(_LOOKS):
        found = storage.read_dated(paths.JOBS, folder.output(PROGRESS_NAME))
        if not found:
            return None
        try:
            return Progress.from_json(found[0]), found[1]
        except PlanError:
            time.sleep(_LOOK_AGAIN_SECONDS)
    return None


def failure(job: Job) -> Failure | None:
    """Return why the worker gave up; None if it did not, or was killed before it could say so."""
    content = storage.read(paths.JOBS, job.folder.output(FAILURE_NAME))
    try:
        return Failure.from_json(content) if content else None
    except PlanError:
        return None  # half a file: the worker was killed while it wrote


def forget_attempt(job: Job) -> None:
    """Forget what the last attempt said; its shards outlive it."""
    for name in (FAILURE_NAME, PROGRESS_PREFIX):
        storage.delete_all(paths.JOBS, job.folder.output(name))


def frames_painted(job: Job) -> int:
    """Count the frames of the shards that are whole."""
    if job.makes_style:
        return 0  # the worker itself counts what was done before
    plan = Plan.from_json(storage.read(paths.JOBS, job.folder.plan) or b"")
    listed = storage.container(paths.JOBS).list_blobs(job.folder.work)
    sizes = {blob.name: int(blob.size) for blob in listed}
    there = [shard for shard in plan.shards if job.folder.shard(shard) in sizes]
    names = [job.folder.shard(shard) for shard in there]
    with ThreadPoolExecutor(_READS) as readers:
        whole = readers.map(_ends_in_seal, names, [sizes[name] for name in names])
        return sum(len(shard) for shard, is_whole in zip(there, whole, strict=True) if is_whole)


def _ends_in_seal(shard: str, size: int) -> bool:
    """Whether a shard was written to its end: what a lost node left half is painted again."""
    if size < SEAL_BYTES:
        return False
    end = storage.blob(paths.JOBS, shard).download_blob(size - SEAL_BYTES, SEAL_BYTES)
    return may_be_seal(end.readall())
