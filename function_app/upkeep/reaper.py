"""The reaper: ends what is left of jobs whose instance is gone, and has old instances purged.

Terminating an instance runs no code of its own, so whatever paints for it would go on, and cost,
until its frames are done. Every job has a folder until its instance has cleaned up; a folder
without a living instance is what the reaper looks for.
"""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime

import azure.durable_functions as df
import azure.functions as func
from azure.core.exceptions import AzureError
from durabletask.client import OrchestrationState, OrchestrationStatus

from function_app.compute import submission
from function_app.errors import AtelierError, Code
from function_app.host import logs
from function_app.instances import is_job, job_of
from function_app.stages import learning
from function_app.store import paths, storage, turns
from function_app.store.paths import JobFolder
from function_app.upkeep.purge import ENDED, purge_old

blueprint = df.Blueprint()

log = logging.getLogger(__name__)

# Read when the functions are indexed, as a cron expression of six fields, seconds first.
SCHEDULE = os.environ.get("REAPER_SCHEDULE", "0 */10 * * * *")


@blueprint.timer_trigger(arg_name="timer", schedule=SCHEDULE)
@blueprint.durable_client_input(client_name="client")
def reap(timer: func.TimerRequest, client: df.SyncDurableFunctionsClient) -> None:
    """Cancel what paints for ended instances; delete their folders once it has ended."""
    del timer
    turns.forget_old_days()
    for job_id in (set(storage.folders(paths.JOBS)) - paths.OWN_FOLDERS) | set(turns.waiting()):
        with logs.about(job_id):
            try:
                _end(job_id, client)
            except (AtelierError, AzureError):
                log.exception("what is left of it stays for now")
    purge_old(client, datetime.now(UTC))


def _end(job_id: str, client: df.SyncDurableFunctionsClient) -> None:
    """End what is left of a job, unless its instance lives."""
    state = client.get_orchestration_state(job_id)
    if state is not None and state.runtime_status not in ENDED:
        return
    log.warning("no living instance: what is left of it goes")
    if submission.cancel_all(job_id):
        if state is not None and state.runtime_status == OrchestrationStatus.TERMINATED:
            _tell_who_waits(state)
        storage.delete_all(paths.JOBS, JobFolder(job_id).root)
        turns.leave(job_id)


def _tell_who_waits(state: OrchestrationState) -> None:
    """Say that a style will not come, where the videos look that wait for it."""
    if is_job(state) and (job := job_of(state)).makes_style:
        message = f"making the style was ended: upload {job.name} again to make it"
        learning.report(job, message, Code.UNUSABLE_STYLE)
