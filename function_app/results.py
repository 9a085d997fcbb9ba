"""Results: what a job leaves beside its video's name, and how it goes."""

from __future__ import annotations

import json
from urllib.parse import unquote

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobProperties

from function_app import paths, storage
from function_app.errors import Code, InputError
from function_app.jobs import Job
from function_app.paths import Video

JOB_ID = "job_id"
VIDEO = "video"


def properties(video: Video, *, lines: bool = False) -> BlobProperties | None:
    """Return what storage knows of the result of a video; None where there is none.

    Args:
        video: whose.
        lines: of JSON are asked for, instead of the painted video.
    """
    blob_name = video.lines if lines else video.painted
    try:
        return storage.blob(paths.RESULTS, blob_name).get_blob_properties()
    except ResourceNotFoundError:
        return None


def is_of(job: Job, result: BlobProperties | None) -> bool:
    """Whether a result is that of a job, not that of another upload."""
    return result is not None and result.metadata.get(JOB_ID) == job.job_id


def check_free(video: Video, *, lines: bool) -> None:
    """Refuse a video whose result would take the place of another's: of one with another suffix.

    Raises:
        InputError: it would.
    """
    check_own(video, properties(video, lines=lines))


def check_own(video: Video, result: BlobProperties | None) -> None:
    """Refuse a video where the result that is there, if any, is another's.

    Raises:
        InputError: it is.
    """
    owner = unquote(result.metadata.get(VIDEO, "")) if result else ""
    if owner and owner != video.blob:
        raise InputError(
            f"{video.name} would have the same result as {owner}: "
            "give it another name, not only another suffix, or delete the job of that video first",
            Code.BAD_NAME,
        )


def report_of(job: Job) -> dict[str, str]:
    """Return the report of a job that failed; empty where there is none."""
    content = storage.read(paths.RESULTS, job.video.report)
    report: dict[str, str] = json.loads(content) if content else {}
    return report if report.get(JOB_ID) == job.job_id else {}


def is_deleted(job_id: str) -> bool:
    """Whether a job was deleted: its event may come again, and starts nothing then."""
    return storage.blob(paths.JOBS, paths.deleted(job_id)).exists()


def delete(job: Job) -> None:
    """Delete what a job left, but nothing of a later upload of the same name; note that it was."""
    storage.write(paths.JOBS, paths.deleted(job.job_id), b"", "text/plain")
    delete_result(job)
    if report_of(job):
        storage.delete(paths.RESULTS, job.video.report)
    storage.delete_all(paths.JOBS, job.folder.root)


def delete_result(job: Job) -> None:
    """Delete the result of a job with its pictures, if it is there and not another's."""
    if is_of(job, properties(job.video, lines=True)):
        storage.delete(paths.RESULTS, job.video.lines)
    if is_of(job, properties(job.video)):
        for blob_name in (job.video.painted, job.video.poster, job.video.sheet):
            storage.delete(paths.RESULTS, blob_name)
