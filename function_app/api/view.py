"""A job as the API shows it, made of its orchestration's state."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from durabletask.client import OrchestrationState, OrchestrationStatus

from function_app.errors import Code, InputError
from function_app.jobs import Job, Stage, State, Status
from function_app.orchestrator import LEARNER, ORCHESTRATOR

type View = dict[str, Any]

STATUSES = {
    OrchestrationStatus.PENDING: "Pending",
    OrchestrationStatus.RUNNING: "Running",
    OrchestrationStatus.CONTINUED_AS_NEW: "Running",
    OrchestrationStatus.SUSPENDED: "Suspended",
    OrchestrationStatus.COMPLETED: "Completed",
    OrchestrationStatus.FAILED: "Failed",
    OrchestrationStatus.TERMINATED: "Cancelled",
}
ENDED = {"Completed", "Failed", "Cancelled"}
INPUT_ERROR = f"{InputError.__module__}.{InputError.__qualname__}"
# What changes by itself, and so is no news to who polls.
CLOCKS = {"updated", "duration_s"}


def is_job(state: OrchestrationState) -> bool:
    """Whether an orchestration is one that the API shows."""
    return state.name in {ORCHESTRATOR, LEARNER}


def paints_video(state: OrchestrationState) -> bool:
    """Whether a job belongs into the list of jobs; those that make a style stand by the style."""
    return state.name == ORCHESTRATOR


def job_of(state: OrchestrationState) -> Job:
    """Return the job of an orchestration."""
    return State.from_dict(state.get_input()).job


def view(state: OrchestrationState) -> View:
    """Return the JSON of a job."""
    job = job_of(state)
    custom = _custom_status(state)
    code = custom.pop("code", None)
    status, output = _outcome(state)
    return {
        "id": job.job_id,
        "style": job.style,
        "name": job.name,
        "video": None if job.makes_style else job.blob,
        "status": status,
        "cost": None,
        "studio_url": None,
        **custom,
        "created": as_time(state.created_at),
        "updated": as_time(state.last_updated_at),
        "duration_s": _seconds(state, status in ENDED),
        "result": output.get("result"),
        "error": _error(state, status, code),
    }


def news(shown: View) -> View:
    """Return what of a job's JSON is worth an answer to who polls."""
    return {name: value for name, value in shown.items() if name not in CLOCKS}


def as_time(moment: datetime) -> str:
    """Write a moment as JSON has it: RFC 3339 in UTC."""
    return utc(moment).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc(moment: datetime) -> datetime:
    """Return a moment that knows its time zone; those of the task hub are in UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _custom_status(state: OrchestrationState) -> View:
    waiting = Status(Stage.PREPROCESS, message="waiting")
    return state.get_custom_status() or waiting.to_dict()


def _outcome(state: OrchestrationState) -> tuple[str, View]:
    """Return the status and what the orchestration returned."""
    status = STATUSES[state.runtime_status]
    if status == "Pending" and state.get_custom_status():
        # Between two executions of an orchestration that continues as new.
        return "Running", {}
    if status != "Completed":
        return status, {}
    output: View = state.get_output() or {}
    return ("Cancelled" if output.get("stage") == Stage.CANCELLED else status), output


def _error(state: OrchestrationState, status: str, code: str | None) -> View | None:
    failure = state.failure_details
    if status != "Failed" or failure is None:
        return None
    known = Code(code) if code else Code.SERVICE_FAILED
    action = None if failure.error_type == INPUT_ERROR else known.action
    return {"code": known, "detail": failure.message, "action": action}


def _seconds(state: OrchestrationState, ended: bool) -> float:
    end = utc(state.last_updated_at) if ended else datetime.now(UTC)
    return round((end - utc(state.created_at)).total_seconds(), 1)
