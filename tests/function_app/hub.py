"""A task hub in memory that runs the function app's own orchestrator and activities; its jobs."""

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from azure.durable_functions.internal.compat.orchestration_context import wrap_orchestrator
from azure.durable_functions.internal.serialization import DEFAULT_FUNCTIONS_DATA_CONVERTER
from azure.functions.decorators.function_app import FunctionBuilder
from durabletask.client import OrchestrationState, TaskHubGrpcClient
from durabletask.testing import create_test_backend
from durabletask.worker import TaskHubGrpcWorker

from emulator.config import HOST, free_ports
from function_app import activities, orchestrator
from function_app.store import turns
from function_app.store.jobs import Job

LIMIT_SECONDS = 60

type Activity = Callable[[Any], Any]

# Not by `app.get_functions`, which answers but once, and that is the Functions worker's.
FUNCTIONS = [
    value.build()
    for module in (activities, orchestrator)
    for value in vars(module).values()
    if isinstance(value, FunctionBuilder)
]


@dataclass(frozen=True, slots=True)
class Hub:
    """A task hub that runs: its client, and its address as host and port."""

    client: TaskHubGrpcClient
    address: str


@contextmanager
def running_hub(instead: Mapping[str, Activity] | None = None) -> Generator[Hub]:
    """Run a task hub while the context lasts.

    Args:
        instead: Activities by name that take the place of the app's own; None runs nothing at
            all, so that instances stay as they were scheduled.
    """
    (port,) = free_ports(1)
    address = f"{HOST}:{port}"
    backend = create_test_backend(port)
    worker = TaskHubGrpcWorker(
        host_address=address, data_converter=DEFAULT_FUNCTIONS_DATA_CONVERTER
    )
    client = TaskHubGrpcClient(
        host_address=address, data_converter=DEFAULT_FUNCTIONS_DATA_CONVERTER
    )
    try:
        if instead is not None:
            # What jobs of another hub claim, that ended before them, nobody gives back.
            for left_behind in list(turns.waiting()):
                turns.leave(left_behind)
            register(worker, instead)
            worker.start()
        yield Hub(client, address)
    finally:
        if instead is not None:
            worker.stop()
        client.close()
        backend.stop()


def ended(client: TaskHubGrpcClient, job: Job) -> OrchestrationState:
    """Wait until a job has ended."""
    state = client.wait_for_orchestration_completion(job.job_id, timeout=LIMIT_SECONDS)
    assert state is not None
    return state


def shown(client: TaskHubGrpcClient, job: Job, **wanted: object) -> dict[str, Any]:
    """Wait until a job's custom status has what is wanted; return all of it."""
    deadline = time.monotonic() + LIMIT_SECONDS
    status: dict[str, Any] = {}
    while time.monotonic() < deadline:
        state = client.get_orchestration_state(job.job_id)
        status = (state and state.get_custom_status()) or {}
        if wanted.items() <= status.items():
            return status
        time.sleep(0.02)
    pytest.fail(f"the job did not get there: {status}")


def register(worker: TaskHubGrpcWorker, instead: Mapping[str, Activity]) -> None:
    for function in FUNCTIONS:
        name, kind = function.get_function_name(), function.get_trigger().get_binding_name()
        call = function.get_user_function()
        if kind == "orchestrationTrigger":
            run = wrap_orchestrator(call.orchestrator_function)
            run.__name__ = name
            worker.add_orchestrator(run)
        elif kind == "activityTrigger":
            worker.add_activity(named(name, instead.get(name, call)))


def named(name: str, call: Activity) -> Callable[[object, Any], Any]:
    def activity(_: object, payload: Any) -> Any:
        return call(payload)

    activity.__name__ = name
    return activity
