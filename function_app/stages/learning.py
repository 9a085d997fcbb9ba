"""Making a style: from a painting or checkpoint in `styles` to a style beside it."""

from __future__ import annotations

import json

from function_app.errors import Code, InputError, ServiceError
from function_app.scheduling import cost
from function_app.settings import settings
from function_app.store import paths, storage, styles
from function_app.store.jobs import Job, Work
from function_app.store.results import JOB_ID
from function_app.store.streams import BlobReader, copy_blob
from gpu_worker.plan import BUDGET_PARTS, STYLE_NAME


def prepare(job: Job) -> Work:
    """Keep the uploaded version where the worker reads it, and choose what to learn on.

    Raises:
        InputError: no style can be made of the upload; the sentence says why.
    """
    source = job.style_source
    source.check()
    styles.check_name(source.style)
    reader = _reader(job)
    _check_size(job, reader.size)
    copy = job.folder.source(source.suffix)
    copy_blob(reader, storage.blob(paths.JOBS, copy))
    content = _content(job.style) if source.is_painting else ""
    estimate = cost.estimate_learning(settings()) if source.is_painting else None
    return Work(paths.JOBS, copy, BUDGET_PARTS, 1, estimate=estimate, content=content)


def publish(job: Job) -> None:
    """Put the style that the worker made where videos are painted in it.

    Raises:
        InputError: what it was made of was replaced or deleted meanwhile.
        ServiceError: the worker left no style.
    """
    _reader(job)
    made = job.folder.output(STYLE_NAME)
    try:
        styles.metadata_of(made, paths.JOBS)
    except InputError as error:
        raise ServiceError(f"the worker left no usable style: {error}") from error
    target = storage.blob(paths.STYLES, paths.style(job.style))
    reader = BlobReader(storage.blob(paths.JOBS, made))
    copy_blob(reader, target, metadata={JOB_ID: job.job_id})
    storage.delete_all(paths.STYLES, job.style_source.report)


def report(job: Job, message: str, code: Code) -> None:
    """Leave a sentence beside the upload on why it became no style, if that matters still."""
    if not styles.is_current(job):
        return
    body = {JOB_ID: job.job_id, "style": job.style, "code": code, "error": message}
    storage.write(
        paths.STYLES,
        job.style_source.report,
        json.dumps(body, ensure_ascii=False, indent=2),
        "application/json",
        metadata={JOB_ID: job.job_id},
    )


def _reader(job: Job) -> BlobReader:
    """Open the upload.

    Raises:
        InputError: it is gone, or another version is there.
    """
    reader = BlobReader(storage.blob(paths.STYLES, job.name))
    if not styles.is_current(job):
        message = f"{job.name} was replaced by a newer upload, which has a job of its own"
        raise InputError(message, Code.REPLACED)
    return reader


def _check_size(job: Job, size: int) -> None:
    most = settings().max_style_bytes
    if not size:
        raise InputError(f"{job.name} is empty: upload a whole one", Code.UNUSABLE_PAINTING)
    if size > most:
        raise InputError(
            f"{job.name} has {size / 2**20:.0f} MiB, more than the limit of "
            f"{most / 2**20:.0f} MiB: upload a smaller file",
            Code.UNUSABLE_PAINTING,
        )


def _content(style: str) -> str:
    """Return a usable video that waits for the style: what it will paint is best to learn on."""
    for blob in storage.container(paths.VIDEOS).list_blobs(name_starts_with=f"{style}/"):
        waiting = Job.of(blob.name, str(blob.etag))
        planned = storage.blob(paths.JOBS, waiting.folder.plan)
        if waiting.video.has_plain_name and planned.exists():
            return blob.name
    return ""
