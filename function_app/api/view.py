"""A job as the API shows it, made of its orchestration's state."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from durabletask.client import OrchestrationState, OrchestrationStatus

from function_app.errors import WORLD, Code, ServiceError
from function_app.instances import job_of, utc
from function_app.store.jobs import Stage, Status

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
# What changes by itself, and so is no news to who polls.
CLOCKS = {"updated", "duration_s"}


def view(state: OrchestrationState) -> View:
    """Return the JSON of a job."""
    job = job_of(state)
    custom = _custom_status(state)
    status, output = _outcome(state)
    return {
        "id": job.job_id,
        "style": job.style,
        "name": job.name,
        "video": None if job.makes_style else job.blob,
        "status": status,
        "cost": None,
        "studio_url": None,
        "gives_way": 0,
        "options": None,
        **{name: value for name, value in custom.items() if name != "code"},
        "created": as_time(state.created_at),
        "updated": as_time(state.last_updated_at),
        "duration_s": _seconds(state, status in ENDED),
        "result": output.get("result"),
        "error": _error(state, status, custom),
    }


def news(shown: View) -> View:
    """Return what of a job's JSON is worth an answer to who polls."""
    return {name: value for name, value in shown.items() if name not in CLOCKS}


def as_time(moment: datetime) -> str:
    """Write a moment as JSON has it: RFC 3339 in UTC."""
    return utc(moment).strftime("%Y-%m-%dT%H:%M:%SZ")


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


def _error(state: OrchestrationState, status: str, custom: View) -> View | None:
    """Return code, sentence and action, which our own status has: not every hub keeps them."""
    if status != "Failed":
        return None
    code = Code(custom["code"]) if custom.get("code") in Code else Code.SERVICE_FAILED
    told = custom["message"] if custom["stage"] == Stage.FAILED else _last_words(state)
    return {"code": code, "detail": told, "action": code.action if code in WORLD else None}


def _last_words(state: OrchestrationState) -> str:
    """Return what ended an orchestration before it could say so itself.

    Azure Storage keeps it as `module.Error: message`, other task hubs in parts.
    """
    failure = state.failure_details
    said = failure.message if failure else state.serialized_output or ""
    sentence = said.strip().partition("\n")[0].removeprefix(f"{ServiceError.__module__}.")
    return f"the job could not go on: {sentence.removeprefix(f'{ServiceError.__name__}: ')}"


def _seconds(state: OrchestrationState, ended: bool) -> float:
    end = utc(state.last_updated_at) if ended else datetime.now(UTC)
    return round((end - utc(state.created_at)).total_seconds(), 1)
