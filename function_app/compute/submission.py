"""Azure Machine Learning: submitting, watching and cancelling the MPI jobs that paint and learn.

The client library takes seconds to import, so it is imported where a scoring activity first
needs it and not when the app starts.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import cache
from itertools import count
from time import time
from typing import TYPE_CHECKING, Any

from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceNotFoundError,
)

from function_app.compute.tasks import Task, task_of
from function_app.errors import ServiceError
from function_app.host import telemetry
from function_app.host.identity import identity
from function_app.settings import settings
from function_app.store import paths
from function_app.store.jobs import Job, Work
from gpu_worker.plan import NEEDS_GPU

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from azure.ai.ml.entities import Command

MOUNT = {
    # Of the last shards a node may have hundreds of MB left to upload when its ranks end; after the
    # usual 30 s they would be dropped, and painted again.
    "DATASET_UNMOUNT_TIMEOUT_SECONDS": "600",
    # Else a node downloads the whole video before a rank can seek to its first shard.
    "DATASET_MOUNT_BLOCK_BASED_CACHE_ENABLED": "true",
}
"""Of Azure Machine Learning's mounts, on every node.

https://learn.microsoft.com/azure/machine-learning/how-to-read-write-data-v2"""

EXPERIMENT = "atelier"
SHARED_MEMORY = "16g"

MOST_ATTEMPTS = 3
"""At painting one job, those not counted whose nodes were taken away."""

STUDIO = "https://ml.azure.com/runs"
MOST_TAG = 256
"""Characters that the value of a tag may have."""

COMPLETED = "Completed"
FAILED = "Failed"
CANCELED = "Canceled"
MISSING = "Missing"
# The client library counts more states as final; these three are the service's own.
FINAL = {COMPLETED, FAILED, CANCELED, MISSING}
LINE = {"NotStarted", "Queued"}
"""States in which a job has no nodes."""
WAITING = LINE | {"Starting", "Provisioning", "Preparing"}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at painting a job: one Azure Machine Learning job.

    Attributes:
        job: whose frames are painted.
        work: what preprocessing found out.
        number: from 1.
    """

    job: Job
    work: Work
    number: int

    @property
    def name(self) -> str:
        """Name of the Azure Machine Learning job; the same attempt always has the same."""
        return attempt_name(self.job.job_id, self.number)


@dataclass(frozen=True, slots=True)
class Order:
    """One Azure Machine Learning job, as it is asked for.

    Attributes:
        name: of the job, for good.
        task: what each process runs.
        work: prefix in `jobs` of what it writes.
        nodes: that it runs on.
        hours: after which the service ends it.
        tags: by which it is found again in Studio.
    """

    name: str
    task: Task
    work: str
    nodes: int
    hours: float
    tags: Mapping[str, str]


def attempt_name(job_id: str, number: int) -> str:
    """Return the name of the Azure Machine Learning job for one attempt."""
    return f"{job_id}-a{number}"


def submit(attempt: Attempt) -> None:
    """Submit an attempt; one that was submitted before is left as it is.

    Raises:
        ServiceError: the service did not take it.
    """
    job, work = attempt.job, attempt.work
    hours = settings().job_timeout_hours
    task = task_of(job, work)
    order(Order(attempt.name, task, job.folder.work, work.nodes, hours, _tags(attempt)))


def order(wanted: Order) -> None:
    """Submit a job; one that was submitted before is left as it is.

    Raises:
        ServiceError: the service did not take it.
    """
    with _service_errors(f"submitting {wanted.name}"):
        try:
            _client().jobs.create_or_update(_command(wanted))
        except HttpResponseError:
            if state(wanted.name) == MISSING:
                raise


def state(name: str) -> str:
    """Return the state of an Azure Machine Learning job; `MISSING` if there is none.

    Raises:
        ServiceError: the service did not answer.
    """
    with _service_errors(f"asking for {name}"):
        try:
            status = _client().jobs.get(name).status
        except ResourceNotFoundError:
            return MISSING
    # The library's type is a string, but what it gives is now a string, now an enumeration.
    return str(status.value if isinstance(status, Enum) else status)


def cancel(name: str) -> None:
    """Ask for the end of an Azure Machine Learning job, and do not wait for it.

    One that has ended meanwhile is left as it is; the service may refuse to cancel it.

    Raises:
        ServiceError: the service did not answer.
    """
    with _service_errors(f"cancelling {name}"):
        try:
            _client().jobs.begin_cancel(name)
        except HttpResponseError:
            if state(name) not in FINAL:
                raise


def cancel_all(job_id: str, first: int = 1) -> bool:
    """Ask for the end of every attempt at a job, from one on; return whether all have ended.

    Raises:
        ServiceError: the service did not answer.
    """
    running = [name for name, its_state in _attempts(job_id, first) if its_state not in FINAL]
    for name in running:
        cancel(name)
    return not running


def _attempts(job_id: str, first: int) -> Iterator[tuple[str, str]]:
    """Yield name and state of every attempt at a job; each was submitted after the one before."""
    for number in count(first):
        name = attempt_name(job_id, number)
        if (its_state := state(name)) == MISSING:
            return
        yield name, its_state


def studio_url(name: str) -> str | None:
    """Return where Azure Machine Learning Studio shows a job; None for another endpoint's."""
    where = settings()
    if where.aml_endpoint:
        return None
    workspace = (
        f"/subscriptions/{where.aml_subscription_id}/resourceGroups/{where.aml_resource_group}"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{where.aml_workspace}"
    )
    return f"{STUDIO}/{name}?wsid={workspace}"


def _command(wanted: Order) -> Command:
    from azure.ai.ml import Input, ManagedIdentityConfiguration, MpiDistribution, Output
    from azure.ai.ml import command as make_command  # pyright: ignore[reportUnknownVariableType]

    limits, task = settings(), wanted.task

    def file(container: str, blob_name: str) -> Input:
        return Input(type="uri_file", mode="ro_mount", path=_datastore(container, blob_name))

    return make_command(
        name=wanted.name,
        display_name=wanted.name,
        experiment_name=EXPERIMENT,
        tags=dict(wanted.tags),
        command=task.command,
        environment=limits.aml_environment,
        environment_variables=MOUNT | ({NEEDS_GPU: "1"} if limits.aml_sku else {}),
        identity=ManagedIdentityConfiguration(),  # of the nodes
        inputs={name: file(*blob) for name, blob in task.inputs.items()},
        outputs={
            "work": Output(
                type="uri_folder", mode="rw_mount", path=_datastore(paths.JOBS, wanted.work)
            )
        },
        compute=limits.aml_compute,
        instance_type=limits.aml_instance_type or None,
        instance_count=wanted.nodes,
        shm_size=SHARED_MEMORY,
        timeout=int(wanted.hours * 3600),
        distribution=MpiDistribution(process_count_per_instance=task.processes_per_node),
    )


def _tags(attempt: Attempt) -> dict[str, str]:
    """By what a job is found again in Studio."""
    job, work = attempt.job, attempt.work
    tags = {
        "job_id": job.job_id,
        "style": job.style,
        "video": job.name,
        "frames": str(work.frames),
        "attempt": str(attempt.number),
        "trace_id": telemetry.trace_id(),
    }
    return {name: value[:MOST_TAG] for name, value in tags.items() if value}


def _datastore(container: str, path: str) -> str:
    return f"azureml://datastores/{container}/paths/{path}"


@contextmanager
def _service_errors(doing: str) -> Generator[None]:
    try:
        yield
    except AzureError as error:
        raise ServiceError(f"Azure Machine Learning failed on {doing}: {error.message}") from error


@cache
def _client() -> MLClient:
    from azure.ai.ml import MLClient

    # Once imported, it says on standard error what nobody asked for; what goes wrong, it raises.
    logging.getLogger("azure.ai.ml").setLevel(logging.CRITICAL)
    where = settings()
    workspace = (where.aml_subscription_id, where.aml_resource_group, where.aml_workspace)
    if not where.aml_endpoint:
        return MLClient(identity(where.aml_client_id), *workspace)
    return MLClient(
        _Anonymous(), *workspace, cloud="Other", cloud_metadata=_cloud(where.aml_endpoint)
    )


def _cloud(endpoint: str) -> dict[str, str]:
    names = (
        "azure_portal",
        "resource_manager",
        "active_directory",
        "aml_resource_id",
        "storage_endpoint",
        "registry_discovery_endpoint",
    )
    return dict.fromkeys(names, endpoint)


class _Anonymous(TokenCredential):
    """For another resource manager than Azure's, which asks for no token."""

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return AccessToken("anonymous", int(time()) + 3600)
