"""Stitching: the last stage, from a job's folder to its result."""

from __future__ import annotations

import json
from typing import IO

from function_app import paths, storage
from function_app.errors import Code, InputError, ServiceError
from function_app.extras import Sidecar
from function_app.jobs import Job
from function_app.join import join, reserved_bytes
from function_app.results import JOB_ID, is_of
from function_app.storage import BlobReader, BlobWriter, buffered
from gpu_worker.plan import POSTER_NAME, SHEET_NAME, Plan

MOST_DAMAGED = 0.05
# The muxer writes a few boxes before and after the index that it rewrites at the end.
AROUND_INDEX = 2**16


def stitch(job: Job) -> str:
    """Join the shards of a job into its result, and put its pictures beside it.

    Returns:
        A sentence about frames that did not decode; empty if all did.

    Raises:
        InputError: too much of the video did not decode.
        ServiceError: a shard is missing or does not hold what it should.
    """
    target = storage.blob(paths.RESULTS, job.video.painted)
    if is_of(job):
        # From an earlier try, whose answer was lost.
        return ""
    plan = Plan.from_json(_needed(job.folder.plan))
    sidecar = Sidecar.from_json(_needed(job.folder.sidecar))
    note = _damage_note(job, plan)
    extras = _stream(job.folder.extras) if sidecar.tracks else None
    head = reserved_bytes(plan, extras) + AROUND_INDEX
    out = BlobWriter(target, head, "video/mp4")
    join(plan, lambda shard: _stream(job.folder.shard(shard)), extras, sidecar, out)
    _pictures(job)
    out.commit(metadata={JOB_ID: job.job_id})
    storage.delete(paths.RESULTS, job.video.report)
    return note


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


def _damage_note(job: Job, plan: Plan) -> str:
    """Weigh the frames that did not decode, which stand still in the result.

    Raises:
        InputError: there are more of them than a result can bear.
    """
    lists = {shard.damage_name for shard in plan.shards}
    found = [name for name in storage.names(paths.JOBS, job.folder.work) if _base(name) in lists]
    damaged = sum(len(json.loads(_needed(name))["frames"]) for name in found)
    if damaged > MOST_DAMAGED * plan.frame_count:
        raise InputError(
            f"{job.name} is damaged: {damaged} of its {plan.frame_count} frames cannot be "
            "decoded: upload it again",
            Code.DAMAGED_VIDEO,
        )
    if not damaged:
        return ""
    return f"{damaged} frames could not be decoded; the frame before stands in for each"


def _base(blob_name: str) -> str:
    return blob_name.rpartition("/")[2]


def _pictures(job: Job) -> None:
    """Keep the worker's pictures; a video without any is no worse a result."""
    video = job.video
    for name, blob_name in ((POSTER_NAME, video.poster), (SHEET_NAME, video.sheet)):
        picture = storage.read(paths.JOBS, job.folder.output(name))
        if picture is not None:
            storage.write(paths.RESULTS, blob_name, picture, "image/jpeg")
