"""Results: what a job leaves beside its video's name, and how it goes.

A result is called like its video. Where the name is that of another video's result, as of `a.mov`
and `a.mp4`, it keeps the video's own suffix; so two videos never have one result, nor one picture
or report beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from azure.core.exceptions import (
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobProperties, ContentSettings

from function_app.options.container import Container
from function_app.store import paths, storage
from function_app.store.jobs import Job
from function_app.store.paths import Video
from gpu_worker.plan import LINES_SUFFIX

JOB_ID = "job_id"
VIDEO = "video"
SUFFIXES = (*(container.suffix for container in Container), LINES_SUFFIX)
PICTURES = (".jpg", ".sheet.jpg")
PROXY = ".before.m4v"
"""Of the video as it was, where browsers do not play it; no result ends in it."""
SWATCHES = ".swatches.json"
"""One frame of the video as other styles would paint it: JPEGs in base64 by the style's name."""
REPORT = ".error.json"


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
    """Return the best place for the result of a video, whose pictures get their names from it.

    No other result is there, of whatever suffix, but an earlier one of the same video.
    """
    for blob_names in _places(video):
        there = {name: found for name in blob_names if (found := _properties(name))}
        blob_name = blob_names[SUFFIXES.index(suffix)]
        before = there.pop(blob_name, None)
        if not there and (before is None or _owner(before) in {"", video.blob}):
            return Place(blob_name, before)
    raise AssertionError("names do not end")


def find(job: Job) -> str | None:
    """Return the blob name in `results` of what a job made; None where it has made nothing."""
    for number, blob_names in enumerate(_places(job.video)):
        there = {name: found for name in blob_names if (found := _properties(name))}
        for blob_name, found in there.items():
            if found.metadata.get(JOB_ID) == job.job_id:
                return blob_name
        # The first name may be free again; of the others each was taken for want of the one before.
        if number and not there:
            return None
    raise AssertionError("names do not end")


def is_of(job: Job, blob_name: str) -> bool:
    """Whether a result is that of a job, not that of another upload."""
    found = _properties(blob_name)
    return found is not None and found.metadata.get(JOB_ID) == job.job_id


def report(job: Job, message: str, code: str) -> None:
    """Leave a sentence on why a job failed where its result would be, over no other video's."""
    body = {JOB_ID: job.job_id, VIDEO: job.video.blob, "code": code, "error": message}
    for blob_name in job.video.results(REPORT):
        before = _reported(blob_name)
        if before and before.owner not in {"", job.video.blob}:
            continue
        try:
            storage.blob(paths.RESULTS, blob_name).upload_blob(
                json.dumps(body, ensure_ascii=False, indent=2),
                overwrite=True,
                content_settings=ContentSettings(content_type="application/json"),
                **storage.unchanged(before and before.properties),
            )
        except (ResourceExistsError, ResourceModifiedError):
            report(job, message, code)  # another's took the place meanwhile
        return


def end_report(video: Video) -> None:
    """Delete the report of an earlier failure of a video."""
    if found := _report_of(video):
        storage.delete(paths.RESULTS, found.blob_name)


def is_deleted(job_id: str) -> bool:
    """Whether a job was deleted: its event may come again, and starts nothing then."""
    return storage.blob(paths.JOBS, paths.deleted(job_id)).exists()


def delete(job: Job) -> None:
    """Delete what a job left, but nothing of a later upload of the same name; note that it was."""
    storage.write(paths.JOBS, paths.deleted(job.job_id), b"", "text/plain")
    delete_result(job)
    found = _report_of(job.video)
    if found and found.job_id == job.job_id:
        storage.delete(paths.RESULTS, found.blob_name)
    storage.delete_all(paths.JOBS, job.folder.root)


def delete_result(job: Job) -> None:
    """Delete the result of a job with its pictures, if it is there and not another's."""
    if result := find(job):
        storage.delete(paths.RESULTS, result)
        for suffix in (*PICTURES, PROXY, SWATCHES):
            storage.delete(paths.RESULTS, paths.beside(result, suffix))


def _places(video: Video) -> Iterator[tuple[str, ...]]:
    """Blob names of which a result has one, of one stem and each with another of the `SUFFIXES`."""
    return zip(*(video.results(suffix) for suffix in SUFFIXES), strict=False)


@dataclass(frozen=True, slots=True)
class _Report:
    """What is said of a failure: where, and of whom; empty where that is not said."""

    blob_name: str
    properties: BlobProperties
    owner: str
    job_id: str


def _report_of(video: Video) -> _Report | None:
    for number, blob_name in enumerate(video.results(REPORT)):
        found = _reported(blob_name)
        if found and found.owner in {"", video.blob}:
            return found
        # As of results: the first name may be free again.
        if number and not found:
            return None
    raise AssertionError("names do not end")


def _reported(blob_name: str) -> _Report | None:
    try:
        there = storage.blob(paths.RESULTS, blob_name).download_blob()
        said: dict[str, Any] = json.loads(there.readall())
    except ResourceNotFoundError:
        return None
    return _Report(blob_name, there.properties, said.get(VIDEO, ""), said.get(JOB_ID, ""))


def _properties(blob_name: str) -> BlobProperties | None:
    try:
        return storage.blob(paths.RESULTS, blob_name).get_blob_properties()
    except ResourceNotFoundError:
        return None


def _owner(result: BlobProperties) -> str:
    return unquote(result.metadata.get(VIDEO, ""))
