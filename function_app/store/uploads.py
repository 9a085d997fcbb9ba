"""Uploads: what was declared before a video was written, and whether it is still there.

A signed URL cannot bound what is written to it. So its size is noted beside the jobs when it is
given out, where the uploader cannot reach it, and preprocessing holds the upload against that. The
note says what the file is, too: two files of one name never get leave for the same blob at once.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from azure.core.exceptions import (
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from function_app.errors import Code, InputError
from function_app.store import paths, storage
from function_app.store.jobs import Job
from function_app.store.streams import BlobReader


def declare(video: paths.Video, size: int, expires: datetime, identity: str = "") -> None:
    """Note how many bytes a video may have that is written by a signed URL before it expires.

    Args:
        video: whose.
        size: in bytes.
        expires: when the URL does.
        identity: what tells the file from others of its name.
    """
    declared = _declaration(size, expires, identity)
    storage.write(paths.JOBS, video.declaration, declared, "application/json")


def claim(video: paths.Video, size: int, expires: datetime, identity: str) -> bool:
    """Declare a video, unless another file is on its way to the same place; return whether not.

    Of two that ask at the same moment one is told so. For the arguments see `declare`.
    """
    blob = storage.blob(paths.JOBS, video.declaration)
    declared = _declaration(size, expires, identity)
    try:
        before = blob.download_blob()
        if _is_anothers(json.loads(before.readall()), identity):
            return False
        known = storage.unchanged(before.properties)
    except ResourceNotFoundError:
        known = storage.unchanged(None)
    try:
        blob.upload_blob(declared, overwrite=True, **known)
    except (ResourceExistsError, ResourceModifiedError):
        return claim(video, size, expires, identity)
    return True


def _declaration(size: int, expires: datetime, identity: str) -> str:
    return json.dumps({"bytes": size, "expires": expires.isoformat(), "identity": identity})


def _is_anothers(declared: dict[str, Any], identity: str) -> bool:
    in_time = datetime.now(UTC) <= datetime.fromisoformat(declared["expires"])
    return in_time and declared.get("identity", identity) != identity


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


def delete(job: Job) -> None:
    """Delete what was uploaded for a job, but nothing that was written over it."""
    blob = storage.blob(job.container, job.blob)
    with suppress(ResourceModifiedError, ResourceNotFoundError):
        there = blob.get_blob_properties()
        if job.is_of(str(there.etag)):
            blob.delete_blob(**storage.unchanged(there))


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
