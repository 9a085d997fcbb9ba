"""Missed uploads: a timer starts the job of each video and painting that has none after a while.

An event may be lost, or given up: by the Functions host when it failed five times, by Event Grid
after a day. So the uploads that came since the last look are held against the task hub; how far
that has come is written down, so that nothing is looked at twice. What was deleted stays deleted.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import azure.durable_functions as df
import azure.functions as func
import grpc
from azure.core.exceptions import AzureError
from azure.storage.blob import BlobProperties

from function_app.host import logs, telemetry
from function_app.instances import utc
from function_app.settings import settings
from function_app.store import index, paths, poison, storage, uploads
from function_app.store.jobs import Job
from function_app.triggers import FOLDER_MARKER, job_of_upload, start

blueprint = df.Blueprint()

log = logging.getLogger(__name__)

# Read when the functions are indexed, as a cron expression of six fields, seconds first.
SCHEDULE = os.environ.get("MISSED_SCHEDULE", "30 */5 * * * *")
FIRST_LOOK = timedelta(days=1)
"""How far back the first look goes: as long as Event Grid tries to deliver an event."""


@blueprint.timer_trigger(arg_name="timer", schedule=SCHEDULE)
@blueprint.durable_client_input(client_name="client")
def start_missed(timer: func.TimerRequest, client: df.SyncDurableFunctionsClient) -> None:
    """Start the jobs of poisoned events, and of uploads that have none after some minutes."""
    del timer
    _take_up_poisoned(client)
    until = datetime.now(UTC) - timedelta(minutes=settings().missed_after_minutes)
    until = until.replace(microsecond=0)  # as storage tells times
    since = _looked_until() or until - FIRST_LOOK
    left = [blob.last_modified for blob in _between(since, until) if not _has_job(blob, client)]
    _note(min([until, *left]))


def _take_up_poisoned(client: df.SyncDurableFunctionsClient) -> None:
    for message, event in poison.take():
        job = job_of_upload(event.container, event.blob, event.etag)
        if job is None or not uploads.is_there(job) or _start(job, client):
            poison.settle(message)


def _between(since: datetime, until: datetime) -> Iterator[BlobProperties]:
    """Yield what was uploaded in a span of time."""
    for name in (paths.VIDEOS, paths.STYLES):
        for blob in storage.container(name).list_blobs(include=["metadata"]):
            is_marker = FOLDER_MARKER in (blob.metadata or {})
            if since <= blob.last_modified < until and not is_marker:
                yield blob


def _has_job(upload: BlobProperties, client: df.SyncDurableFunctionsClient) -> bool:
    """Start the job of an upload unless it has one; return False where that failed."""
    job = job_of_upload(str(upload.container), upload.name, str(upload.etag))
    return job is None or _start(job, client)


def _start(job: Job, client: df.SyncDurableFunctionsClient) -> bool:
    with logs.about(job.job_id), telemetry.span("missed upload", job.job_id):
        try:
            known = client.get_orchestration_state(job.job_id, fetch_payloads=False)
            if known is None and start(client, job):
                log.warning("no event has started it, the timer does: %s", job.blob)
            elif known is not None and not job.makes_style:
                index.add_missing(job, utc(known.created_at))
        except (AzureError, grpc.RpcError):
            log.exception("cannot be started yet: %s", job.blob)
            return False
    return True


def _looked_until() -> datetime | None:
    content = storage.read(paths.JOBS, paths.LOOKED_UNTIL)
    return datetime.fromisoformat(content.decode()) if content else None


def _note(moment: datetime) -> None:
    storage.write(paths.JOBS, paths.LOOKED_UNTIL, moment.isoformat(), "text/plain")
