"""Instances of the task hub: which of them are jobs, and of what.

Whoever holds the host's key can start an orchestration by hand, with anything for an input. What
is no job is shown nowhere, and whatever walks over the instances walks past it.
"""

from __future__ import annotations

from datetime import UTC, datetime

import azure.durable_functions as df
from durabletask.client import OrchestrationState

from function_app.orchestrator import LEARNER, ORCHESTRATOR
from function_app.store import archive
from function_app.store.jobs import Job, State


def state_of(client: df.SyncDurableFunctionsClient, job_id: str) -> OrchestrationState | None:
    """Return the state of an instance, as it was kept if it was purged; None if there is none."""
    return client.get_orchestration_state(job_id) or archive.find(job_id)


def is_job(state: OrchestrationState) -> bool:
    """Whether an instance is a job, under its own id."""
    try:
        return state.name in {ORCHESTRATOR, LEARNER} and job_of(state).job_id == state.instance_id
    except (AttributeError, KeyError, TypeError, ValueError):
        return False


def paints_video(state: OrchestrationState) -> bool:
    """Whether it belongs into the list of jobs; those that make a style stand by the style."""
    return is_job(state) and state.name == ORCHESTRATOR


def job_of(state: OrchestrationState) -> Job:
    """Return the job of an instance that is one, see `is_job`."""
    return State.from_dict(state.get_input()).job


def utc(moment: datetime) -> datetime:
    """Return a moment that knows its time zone; those of the task hub are in UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
