"""Results: what a job leaves beside its video's name, and how it goes.

A result is called like its video. Where the name is that of another video's result, as of `a.mov`
and `a.mp4`, it keeps the video's own suffix; so two videos never have one result.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import unquote

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobProperties

from function_app import paths, storage
from function_app.container import Container
from function_app.jobs import Job
from function_app.paths import Video
from gpu_worker.plan import LINES_SUFFIX

JOB_ID = "job_id"
VIDEO = "video"
SUFFIXES = (*(container.suffix for container in Container), LINES_SUFFIX)
PICTURES = (".jpg", ".sheet.jpg")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a result is to be written.

    Attributes:
        blob_name: in `results`.
        before: what is there: an earlier result of the same video; None where nothing is.
    """

    blob_name: str
    before: BlobProperties | None


def place(video: Video, suffix: str) -> Place:
    """Return the best place for the result of a video that no other video's result has."""
    for blob_name in video.results(suffix):
        before = _properties(blob_name)
        if before is None or _owner(before) in {"", video.blob}:
            return Place(blob_name, before)
    raise AssertionError("names do not end")


def find(job: Job) -> str | None:
    """Return the blob name in `results` of what a job made; None where it has made nothing."""
    found = (_of(job, suffix) for suffix in SUFFIXES)
    return next(filter(None, found), None)


def is_of(job: Job, blob_name: str) -> bool:
    """Whether a result is that of a job, not that of another upload."""
    found = _properties(blob_name)
    return found is not None and found.metadata.get(JOB_ID) == job.job_id


def report(job: Job, message: str, code: str) -> None:
    """Leave a sentence on why a job failed where its result would be."""
    body = {JOB_ID: job.job_id, VIDEO: job.video.blob, "code": code, "error": message}
    text = json.dumps(body, ensure_ascii=False, indent=2)
    storage.write(paths.RESULTS, job.video.report, text, "application/json")


def end_report(video: Video) -> None:
    """Delete the report of an earlier failure of a video."""
    if _reported(video).get(VIDEO, video.blob) == video.blob:
        storage.delete(paths.RESULTS, video.report)


def is_deleted(job_id: str) -> bool:
    """Whether a job was deleted: its event may come again, and starts nothing then."""
    return storage.blob(paths.JOBS, paths.deleted(job_id)).exists()


def delete(job: Job) -> None:
    """Delete what a job left, but nothing of a later upload of the same name; note that it was."""
    storage.write(paths.JOBS, paths.deleted(job.job_id), b"", "text/plain")
    delete_result(job)
    if _reported(job.video).get(JOB_ID) == job.job_id:
        storage.delete(paths.RESULTS, job.video.report)
    storage.delete_all(paths.JOBS, job.folder.root)


def delete_result(job: Job) -> None:
    """Delete the result of a job with its pictures, if it is there and not another's."""
    if result := find(job):
        storage.delete(paths.RESULTS, result)
        for suffix in PICTURES:
            storage.delete(paths.RESULTS, paths.beside(result, suffix))


def _of(job: Job, suffix: str) -> str | None:
    for number, blob_name in zip(count(), job.video.results(suffix), strict=False):
        found = _properties(blob_name)
        if found and found.metadata.get(JOB_ID) == job.job_id:
            return blob_name
        # The first name may be free again; of the others each was taken for want of the one before.
        if found is None and number:
            return None
    raise AssertionError("names do not end")


def _reported(video: Video) -> dict[str, Any]:
    return json.loads(storage.read(paths.RESULTS, video.report) or b"{}")


def _properties(blob_name: str) -> BlobProperties | None:
    try:
        return storage.blob(paths.RESULTS, blob_name).get_blob_properties()
    except ResourceNotFoundError:
        return None


def _owner(result: BlobProperties) -> str:
    return unquote(result.metadata.get(VIDEO, ""))
