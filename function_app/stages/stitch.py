"""Stitching: the last stage, from a job's folder to its result."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO
from urllib.parse import quote

from azure.storage.blob import BlobClient

from function_app.errors import InputError, ServiceError
from function_app.media.extras import Sidecar
from function_app.media.join import join, reserved_bytes
from function_app.media.proof import DiffersError, prove
from function_app.stages.damage import HalfListError, damage_note
from function_app.store import paths, results, storage
from function_app.store.jobs import Job
from function_app.store.results import JOB_ID, VIDEO
from function_app.store.storage import unchanged
from function_app.store.streams import BlobReader, BlobWriter, buffered
from function_app.store.uploads import check_current
from gpu_worker.plan import (
    LINES_SUFFIX,
    POSTER_NAME,
    SEAL_BYTES,
    SHEET_NAME,
    SWATCHES_NAME,
    Plan,
    Shard,
    is_whole_jpeg,
    seal,
)

# The muxer writes a few boxes before and after the index that it rewrites at the end.
AROUND_INDEX = 2**16
PIECE = 2**20

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Joined:
    """What came of joining.

    Attributes:
        note: a sentence about frames that did not decode; empty if all did.
        lost: shards that are missing or damaged, and so to be painted again; 0 if the result is
            there.
        differs: a sentence where what was written is not what was to be, and so is withheld.
        result: blob name in `results`; empty where there is none.
    """

    note: str = ""
    lost: int = 0
    differs: str = ""
    result: str = field(default="", compare=False)


class _LostError(Exception):
    """A shard is not what the worker sealed."""


def stitch(job: Job) -> Joined:
    """Join the shards of a job into its result, and put its pictures beside it.

    Shards that are damaged are deleted, so that the next attempt at painting paints them again.

    Raises:
        InputError: too much of the video did not decode, or it was replaced meanwhile.
        ServiceError: something else of the job is missing.
    """
    result = results.find(job)
    if result and not any(storage.names(paths.JOBS, job.folder.root)):
        return Joined(result=result)  # the job has ended
    plan = Plan.from_json(_needed(job.folder.plan))
    try:
        note = damage_note(job, plan)
    except HalfListError:
        return Joined(lost=1)
    if result:  # from an earlier try, whose answer was lost
        return _ended(job, plan, result, note)
    check_current(job)
    sidecar = None if plan.makes_lines else Sidecar.from_json(_needed(job.folder.sidecar))
    place = results.place(job.video, sidecar.container.suffix if sidecar else LINES_SUFFIX)
    blob = storage.blob(paths.RESULTS, place.blob_name)
    try:
        out = _video(job, plan, sidecar, blob) if sidecar else _lines(job, plan, blob)
    except (_LostError, InputError):
        return Joined(lost=_clear_lost(job, plan))
    if sidecar and (differs := _difference(job, plan, sidecar, out)):
        return Joined(differs=differs)  # lines were counted on their way
    out.commit({JOB_ID: job.job_id, VIDEO: quote(job.video.blob)}, **unchanged(place.before))
    return _ended(job, plan, place.blob_name, note)


def _ended(job: Job, plan: Plan, result: str, note: str) -> Joined:
    """Put the pictures beside a result, and end the report of an earlier failure."""
    _pictures(job, result)
    _swatches(job, result)
    if plan.needs_proxy:
        _proxy(job, plan, result)
    results.end_report(job.video)
    return Joined(note, result=result)


def _difference(job: Job, plan: Plan, sidecar: Sidecar, out: BlobWriter) -> str:
    """Say what of a result is not as it was to be, before anybody sees it; nothing if all is."""
    out.commit_draft()
    try:
        prove(_stream(job.folder.draft), plan, _tracks(job, sidecar), sidecar)
    except DiffersError as error:
        log.exception("%s", error)
        return str(error)
    return ""


def _video(job: Job, plan: Plan, sidecar: Sidecar, blob: BlobClient) -> BlobWriter:
    """Join the painted shards, and what was put aside of the video."""
    tracks = _tracks(job, sidecar)
    attachments = [_needed(job.folder.extra(each.file)) for each in sidecar.attachments]
    head = reserved_bytes(plan, tracks, sidecar, attachments) + AROUND_INDEX
    draft = storage.blob(paths.JOBS, job.folder.draft)
    out = BlobWriter(blob, head, sidecar.container.content_type, draft)
    join(plan, lambda shard: _shard(job, plan, shard), tracks, sidecar, out, attachments)
    return out


def _tracks(job: Job, sidecar: Sidecar) -> list[IO[bytes]]:
    """Open the tracks that were put aside of the video."""
    return [_stream(job.folder.extra(name)) for name in sidecar.tracks]


def _proxy(job: Job, plan: Plan, result: str) -> None:
    """Join the video as it was, small; a result without is none the worse."""
    blob = storage.blob(paths.RESULTS, paths.beside(result, results.PROXY))
    plain = Sidecar()
    try:
        out = BlobWriter(blob, reserved_bytes(plan) + AROUND_INDEX, plain.container.content_type)
        join(plan, lambda shard: _sealed(job, plan, shard, shard.proxy_name), [], plain, out)
    except (_LostError, InputError, ServiceError):
        log.warning("there is no small copy of %s for browsers", job.name, exc_info=True)
    else:
        out.commit()


def _lines(job: Job, plan: Plan, blob: BlobClient) -> BlobWriter:
    """Put the lines of all shards after each other, and prove them to be one for each frame."""
    out = BlobWriter(blob, PIECE, "application/jsonl")
    for shard in plan.shards:
        lines = _shard(job, plan, shard).read()[:-SEAL_BYTES]
        numbers = [json.loads(line)["frame"] for line in lines.splitlines()]
        if numbers != list(range(shard.first, shard.last)):
            raise ServiceError(f"{shard.name} does not hold a line for each of its frames")
        out.write(lines)
    return out


def _shard(job: Job, plan: Plan, shard: Shard) -> IO[bytes]:
    """Open a painted shard and prove it to be what the worker sealed.

    Raises:
        InputError: it is missing, or changes while it is read.
        _LostError: it is not what was sealed.
    """
    return _sealed(job, plan, shard, shard.name)


def _sealed(job: Job, plan: Plan, shard: Shard, name: str) -> IO[bytes]:
    """Open a file that the worker sealed, likewise."""
    reader = BlobReader(storage.blob(paths.JOBS, job.folder.output(name)))
    content = _pieces(reader, reader.size - SEAL_BYTES)
    if seal(plan, shard, content) != reader.read(SEAL_BYTES):
        raise _LostError
    reader.seek(0)
    return buffered(reader)


def _pieces(reader: BlobReader, size: int) -> Iterator[bytes]:
    while piece := reader.read(max(0, min(PIECE, size - reader.tell()))):
        yield piece


def _clear_lost(job: Job, plan: Plan) -> int:
    """Delete the shards that are damaged; count them and those that are missing.

    Raises:
        ServiceError: there are none by now.
    """
    lost = 0
    for shard in plan.shards:
        try:
            _shard(job, plan, shard)
        except (_LostError, InputError):
            storage.delete(paths.JOBS, job.folder.shard(shard))
            lost += 1
    if not lost:
        raise ServiceError("what lies in the job's folder changed while it was joined")
    return lost


def _needed(blob_name: str) -> bytes:
    content = storage.read(paths.JOBS, blob_name)
    if content is None:
        raise ServiceError(f"{blob_name} is missing from the job's folder")
    return content


def _stream(blob_name: str) -> IO[bytes]:
    try:
        return buffered(BlobReader(storage.blob(paths.JOBS, blob_name)))
    except InputError as error:
        raise ServiceError(f"{blob_name} is missing from the job's folder") from error


def _pictures(job: Job, result: str) -> None:
    """Keep the worker's pictures; a video without any is no worse a result."""
    for name, suffix in zip((POSTER_NAME, SHEET_NAME), results.PICTURES, strict=True):
        picture = storage.read(paths.JOBS, job.folder.output(name))
        if picture is not None and is_whole_jpeg(picture):
            storage.write(paths.RESULTS, paths.beside(result, suffix), picture, "image/jpeg")


def _swatches(job: Job, result: str) -> None:
    """Keep what other styles would make of a frame; what an earlier result left goes."""
    place = paths.beside(result, results.SWATCHES)
    if content := storage.read(paths.JOBS, job.folder.output(SWATCHES_NAME)):
        storage.write(paths.RESULTS, place, content, "application/json")
    else:
        storage.delete(paths.RESULTS, place)
