"""Uploads: what was declared before a video was written, and whether it is still there.

A signed URL cannot bound what is written to it. So its size is noted beside the jobs when it is
given out, where the uploader cannot reach it, and preprocessing holds the upload against that.
"""

from __future__ import annotations

import json
from datetime import datetime

from azure.core.exceptions import ResourceNotFoundError

from function_app import paths, storage
from function_app.errors import Code, InputError
from function_app.jobs import Job
from function_app.storage import BlobReader


def declare(video: paths.Video, size: int, expires: datetime) -> None:
    """Note how many bytes a video may have that is written by a signed URL before it expires."""
    declared = {"bytes": size, "expires": expires.isoformat()}
    storage.write(paths.JOBS, video.declaration, json.dumps(declared), "application/json")


def check_declared(job: Job, reader: BlobReader) -> None:
    """Refuse a video that is bigger than was declared; one that came by no signed URL passes.

    Raises:
        InputError: it is bigger.
    """
    content = storage.read(paths.JOBS, job.video.declaration)
    if content is None:
        return
    declared = json.loads(content)
    in_time = reader.written <= datetime.fromisoformat(declared["expires"])
    if in_time and reader.size > declared["bytes"]:
        raise InputError(
            f"{job.name} has {reader.size} bytes, more than the {declared['bytes']} that were "
            "declared for its upload: ask for a new upload with its real size",
            Code.TOO_LARGE,
        )


def is_replaced(job: Job) -> bool:
    """Whether another video was written over the job's."""
    etag = _etag(job)
    return etag is not None and not job.is_of(etag)


def is_there(job: Job) -> bool:
    """Whether the version of the upload that the job is of is still there."""
    etag = _etag(job)
    return etag is not None and job.is_of(etag)


def check_current(job: Job) -> None:
    """Refuse to go on with a video that is no longer what the job began with.

    Raises:
        InputError: another was written over it, or it was deleted.
    """
    etag = _etag(job)
    if etag is None:
        raise InputError(
            f"{job.name} was deleted before its job ended: upload it again", Code.REPLACED
        )
    if not job.is_of(etag):
        raise InputError(
            f"{job.name} was replaced by a newer upload, which has a job of its own", Code.REPLACED
        )


def _etag(job: Job) -> str | None:
    try:
        return str(storage.blob(job.container, job.blob).get_blob_properties().etag)
    except ResourceNotFoundError:
        return None
