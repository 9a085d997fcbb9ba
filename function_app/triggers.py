"""The blob triggers: an uploaded video starts its job; so does what a style is to be made of.

Event Grid brings to each trigger whatever it is told to bring, so the container is looked at here.
"""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df
import azure.functions as func
import azurefunctions.extensions.bindings.blob as blob
import grpc
from azure.core.exceptions import ResourceNotFoundError
from durabletask.internal import orchestrator_service_pb2 as pb

from function_app.host import logs, telemetry
from function_app.instances import utc
from function_app.orchestrator import LEARNER, ORCHESTRATOR, VERSION
from function_app.settings import settings
from function_app.store import archive, index, paths, results, styles
from function_app.store.jobs import Job, State, Terms

blueprint = df.Blueprint()

log = logging.getLogger(__name__)

# Left by tools that see folders where storage knows names alone.
FOLDER_MARKER = "hdi_isfolder"

# Read when the functions are indexed, before any setting may be missing: Flex Consumption knows
# Event Grid only, and Azurite raises no events.
SOURCE = func.BlobSource(os.environ.get("BLOB_TRIGGER_SOURCE", func.BlobSource.EVENT_GRID))

# An instance that ended stays: the same event again must not start its job again.
_KEEP = pb.OrchestrationIdReusePolicy(replaceableStatus=[pb.ORCHESTRATION_STATUS_TERMINATED])


@blueprint.blob_trigger(
    arg_name="video", path="videos/{style}/{name}", connection="DATA", source=SOURCE
)
@blueprint.durable_client_input(client_name="client")
def on_video_uploaded(video: blob.BlobClient, client: df.SyncDurableFunctionsClient) -> None:
    """Start the job of the video's present version, once."""
    _start_job(video, paths.VIDEOS, client)


@blueprint.blob_trigger(arg_name="upload", path="styles/{name}", connection="DATA", source=SOURCE)
@blueprint.durable_client_input(client_name="client")
def on_style_uploaded(upload: blob.BlobClient, client: df.SyncDurableFunctionsClient) -> None:
    """Start making a style of a painting or checkpoint, once; other files start nothing."""
    _start_job(upload, paths.STYLES, client)


def _start_job(
    upload: blob.BlobClient, container: str, client: df.SyncDurableFunctionsClient
) -> None:
    reference: Any = upload
    if reference.container_name != container:
        log.error("events of %s come to the trigger of %s", reference.container_name, container)
        return
    try:
        found = reference.get_blob_properties()
    except ResourceNotFoundError:
        log.warning("%s was deleted before its job could start", reference.blob_name)
        return
    if FOLDER_MARKER in found.metadata:
        return
    job = job_of_upload(container, reference.blob_name, str(found.etag))
    if job is None:
        return
    with logs.about(job.job_id), telemetry.span("upload", job.job_id):
        if start(client, job):
            log.info("starts: %s", reference.blob_name)


def job_of_upload(container: str, blob_name: str, etag: str) -> Job | None:
    """Return the job that one version of a blob starts; None if there is nothing to be made of it.

    A video lies in the folder of its style, a painting or checkpoint in no folder. Of what nobody
    means to be painted, as a folder's marker or half a download, nothing is made.
    """
    style, _, name = blob_name.partition("/")
    if container == paths.VIDEOS and style and not paths.Video(style, name).is_litter:
        return Job.of(blob_name, etag)
    if container == paths.STYLES and styles.is_source(blob_name):
        return Job.of_style(blob_name, etag)
    return None


def start(client: df.SyncDurableFunctionsClient, job: Job) -> bool:
    """Start a job; return False where it was started before, or was deleted or purged."""
    if results.is_deleted(job.job_id) or archive.find(job.job_id):
        return False
    try:
        client.schedule_new_orchestration(
            LEARNER if job.makes_style else ORCHESTRATOR,
            input=State(job, terms=Terms.of(settings())).to_dict(),
            instance_id=job.job_id,
            version=str(VERSION),
            reuse_id_policy=_KEEP,
        )
    except grpc.RpcError as error:
        if error.code() == grpc.StatusCode.ALREADY_EXISTS:
            return False
        raise
    if not job.makes_style:
        state = client.get_orchestration_state(job.job_id, fetch_payloads=False)
        index.add(job, utc(state.created_at) if state else datetime.now(UTC))
    return True
