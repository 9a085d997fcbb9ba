"""Purging: instances that ended long ago leave the task hub with their histories.

A hub is looked through as a whole where jobs are searched for, and grows by every job that there
ever was. Once a day those that ended more than PURGE_AFTER_DAYS ago are purged; what the API shows
of them is kept (`archive`), and their results are left alone. A job whose folder is still there has
something that paints, or waits for the reaper: it stays.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

import azure.durable_functions as df
import grpc
from azure.core.exceptions import AzureError
from durabletask.client import OrchestrationQuery, OrchestrationState, OrchestrationStatus

from function_app.host import logs
from function_app.instances import is_job, utc
from function_app.settings import settings
from function_app.store import archive, paths, storage
from function_app.store.paths import JobFolder

log = logging.getLogger(__name__)

ENDED = (
    OrchestrationStatus.COMPLETED,
    OrchestrationStatus.FAILED,
    OrchestrationStatus.TERMINATED,
)


def purge_old(client: df.SyncDurableFunctionsClient, now: datetime) -> None:
    """Purge what ended long ago, unless that was done on this day already."""
    days = settings().purge_after_days
    if not days or storage.read(paths.JOBS, paths.PURGED_ON) == _day(now):
        return
    left = [
        state for state in _old(client, now - timedelta(days=days)) if not _purge(state, client)
    ]
    if not left:
        storage.write(paths.JOBS, paths.PURGED_ON, _day(now), "text/plain")


def _old(client: df.SyncDurableFunctionsClient, until: datetime) -> Iterator[OrchestrationState]:
    """Yield what had ended by a moment."""
    query = OrchestrationQuery(
        created_time_to=until, runtime_status=[*ENDED], fetch_inputs_and_outputs=True
    )
    for state in client.get_all_orchestration_states(query):
        if state.runtime_status in ENDED and utc(state.last_updated_at) < until:
            yield state


def _purge(state: OrchestrationState, client: df.SyncDurableFunctionsClient) -> bool:
    """Purge an instance; return False where that failed, and is to be tried again."""
    job_id = state.instance_id
    with logs.about(job_id):
        try:
            if is_job(state):
                if next(storage.names(paths.JOBS, JobFolder(job_id).root), None):
                    return True
                archive.keep(state)
            client.purge_orchestration(job_id)
        except (AzureError, grpc.RpcError):
            log.exception("cannot be purged yet")
            return False
    return True


def _day(moment: datetime) -> bytes:
    return f"{moment:%Y-%m-%d}".encode()
