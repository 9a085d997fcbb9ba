"""Results: what a job leaves beside its video's name, and how it goes."""

from __future__ import annotations

import json

from azure.core.exceptions import ResourceNotFoundError

from function_app import paths, storage
from function_app.jobs import Job

JOB_ID = "job_id"


def is_of(job: Job) -> bool:
    """Whether the result of a job's video is that job's, not that of another upload."""
    try:
        result = storage.blob(paths.RESULTS, job.video.painted).get_blob_properties()
    except ResourceNotFoundError:
        return False
    return result.metadata.get(JOB_ID) == job.job_id


def report_of(job: Job) -> dict[str, str]:
    """Return the report of a job that failed; empty where there is none."""
    content = storage.read(paths.RESULTS, job.video.report)
    report: dict[str, str] = json.loads(content) if content else {}
    return report if report.get(JOB_ID) == job.job_id else {}


def delete(job: Job) -> None:
    """Delete what a job left, but nothing of a later upload of the same name."""
    if is_of(job):
        for blob_name in (job.video.painted, job.video.poster, job.video.sheet):
            storage.delete(paths.RESULTS, blob_name)
    if report_of(job):
        storage.delete(paths.RESULTS, job.video.report)
    storage.delete_all(paths.JOBS, job.folder.root)
