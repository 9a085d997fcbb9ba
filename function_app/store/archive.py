"""What the task hub said of a job before its instance was purged, kept beside the jobs.

So a job of long ago still stands in the list, leads to its result, and is not started again by an
event that comes late.
"""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime

from durabletask.client import OrchestrationState, OrchestrationStatus

from function_app.store import paths, storage

_TIMES = ("created_at", "last_updated_at")


def keep(state: OrchestrationState) -> None:
    """Keep the state of an instance, without its history."""
    failure = state.failure_details
    fields = {each.name: getattr(state, each.name) for each in dataclasses.fields(state)}
    del fields["failure_details"], fields["_data_converter"]
    fields["runtime_status"] = state.runtime_status.name
    fields["serialized_output"] = state.serialized_output or (failure and failure.message)
    for name in _TIMES:
        fields[name] = fields[name].isoformat()
    text = json.dumps(fields, ensure_ascii=False)
    storage.write(paths.JOBS, paths.archived(state.instance_id), text, "application/json")


def find(job_id: str) -> OrchestrationState | None:
    """Return what was kept of a job; None if nothing was."""
    content = storage.read(paths.JOBS, paths.archived(job_id))
    if content is None:
        return None
    fields = json.loads(content)
    fields["runtime_status"] = OrchestrationStatus[fields["runtime_status"]]
    for name in _TIMES:
        fields[name] = datetime.fromisoformat(fields[name])
    return OrchestrationState(**fields, failure_details=None)


def forget(job_id: str) -> None:
    """Delete what was kept of a job."""
    storage.delete(paths.JOBS, paths.archived(job_id))
