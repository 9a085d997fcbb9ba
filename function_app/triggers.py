"""The blob trigger: an uploaded video starts its job."""

from __future__ import annotations

import logging
import os
from typing import Any

import azure.durable_functions as df
import azure.functions as func
import azurefunctions.extensions.bindings.blob as blob
import grpc
from azure.core.exceptions import ResourceNotFoundError
from durabletask.internal import orchestrator_service_pb2 as pb

from function_app import logs
from function_app.jobs import Job, State
from function_app.orchestrator import ORCHESTRATOR, VERSION

blueprint = df.Blueprint()

log = logging.getLogger(__name__)

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
    reference: Any = video
    try:
        etag = str(reference.get_blob_properties().etag)
    except ResourceNotFoundError:
        log.warning("%s was deleted before its job could start", reference.blob_name)
        return
    job = Job.of(reference.blob_name, etag)
    with logs.about(job.job_id):
        if start(client, job):
            log.info("starts: %s", reference.blob_name)


def start(client: df.SyncDurableFunctionsClient, job: Job) -> bool:
    """Start a job; return False where it was started before."""
    try:
        client.schedule_new_orchestration(
            ORCHESTRATOR,
            input=State(job).to_dict(),
            instance_id=job.job_id,
            version=str(VERSION),
            reuse_id_policy=_KEEP,
        )
    except grpc.RpcError as error:
        if error.code() == grpc.StatusCode.ALREADY_EXISTS:
            return False
        raise
    return True
