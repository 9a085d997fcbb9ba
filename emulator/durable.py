"""The durable extension: the task hub, and the work that it hands to the worker."""

import asyncio
import base64
import json
import logging
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, override

from azure.durable_functions.internal.serialization import DEFAULT_FUNCTIONS_DATA_CONVERTER
from durabletask.client import TaskHubGrpcClient
from durabletask.grpc_options import GrpcWorkerResiliencyOptions
from durabletask.internal import helpers
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.worker import ConcurrencyOptions, TaskHubGrpcWorker
from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from emulator import host_json
from emulator.config import HOST, free_ports
from emulator.functions import Function, FunctionError
from emulator.hub_rules import HubRules
from emulator.taskhub import DurableBackend
from emulator.worker import Message

THREADS = 32
"""Pieces of work that are in the worker's hands at a time, or wait for it, at most."""
WEBHOOK = "/runtime/webhooks/durabletask"

_PROPAGATOR = TraceContextTextMapPropagator()

logger = logging.getLogger(__name__)
tracer = trace.get_tracer(__name__)


class DurableExtension:
    """Runs orchestrators and activities; gives out durable clients."""

    def __init__(
        self, functions: Iterable[Function], root: Path, journal: Path, host_url: str
    ) -> None:
        """Take the orchestrators and activities among `functions`.

        Args:
            functions: All functions of the app.
            root: Folder of its host.json, which says how many activities run at a time, what
                version the host is of, and how long a dead host's work stays hidden.
            journal: File with the task hub's state.
            host_url: Base URL of the Functions host.
        """
        settings = host_json.extension(root, "durableTask")
        (port,) = free_ports(1)
        self._address = f"{HOST}:{port}"
        self._host_url = host_url
        self._backend = DurableBackend(port, journal, HubRules.of(settings))
        most = settings.get("maxConcurrentActivityFunctions")
        self._worker = _Dispatcher(self._address, functions, most and int(most), self.binding)
        self.orchestrators = self._worker.orchestrators.keys()
        self.client = TaskHubGrpcClient(
            host_address=self._address,
            data_converter=DEFAULT_FUNCTIONS_DATA_CONVERTER,
            logger=logger,
        )

    async def __aenter__(self) -> Self:
        """Begin to work, with the instances first that an earlier process left."""
        self._worker.loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._backend.start)
        await asyncio.to_thread(self._worker.start)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop taking up work; what is in hand may be taken up by another host at once."""
        self._backend.let_go()
        await asyncio.to_thread(self._worker.stop)
        self.client.close()
        await asyncio.to_thread(self._backend.stop)

    @property
    def binding(self) -> str:
        """What a durable client is made from: JSON, as the extension passes it to a worker."""
        return json.dumps(
            {
                "taskHubName": "local",
                "rpcBaseUrl": f"http://{self._address}",
                "baseUrl": f"{self._host_url}{WEBHOOK}",
                "httpBaseUrl": f"{self._host_url}{WEBHOOK}",
                "requiredQueryStringParameters": "",
                "managementUrls": {"id": "INSTANCEID", **instance_urls(self._host_url)},
            }
        )


def instance_urls(host_url: str, instance_id: str = "INSTANCEID") -> dict[str, str]:
    """Return the URLs by which an instance is read and steered, by the names that they go by."""
    instance = f"{host_url}{WEBHOOK}/instances/{instance_id}"
    return {
        "statusQueryGetUri": instance,
        "sendEventPostUri": f"{instance}/raiseEvent/{{eventName}}",
        "terminatePostUri": f"{instance}/terminate?reason={{text}}",
        "suspendPostUri": f"{instance}/suspend?reason={{text}}",
        "resumePostUri": f"{instance}/resume?reason={{text}}",
        "purgeHistoryDeleteUri": instance,
    }


class _Dispatcher(TaskHubGrpcWorker):
    """Takes work from the task hub and has the Functions worker do it.

    The base class takes and limits; what it would do by itself, the worker's own library does.

    Attributes:
        orchestrators: By the names that they are started by.
        loop: In which the worker is called.
    """

    def __init__(
        self, address: str, functions: Iterable[Function], most_activities: int | None, client: str
    ) -> None:
        options = ConcurrencyOptions(
            maximum_concurrent_activity_work_items=most_activities,
            maximum_thread_pool_workers=THREADS,
        )
        super().__init__(
            host_address=address,
            logger=logger,
            concurrency_options=options,
            # The hub is in this process: when it is silent, there is nothing to do.
            resiliency_options=GrpcWorkerResiliencyOptions(silent_disconnect_timeout_seconds=0),
        )
        functions = list(functions)
        self.orchestrators = _by_task(functions, "orchestration")
        self.loop: asyncio.AbstractEventLoop | None = None
        self._activities = _by_task(functions, "activity")
        self._binding = client

    @override
    def _execute_orchestrator(
        self, req: pb.OrchestratorRequest, stub: Any, completionToken: Any
    ) -> None:
        started = next(
            event.executionStarted
            for event in (*req.pastEvents, *req.newEvents)
            if event.HasField("executionStarted")
        )
        try:
            request = base64.b64encode(req.SerializeToString()).decode()
            answer = self._invoke(
                self.orchestrators, started.name, request, started.parentTraceContext
            )
            response = pb.OrchestratorResponse.FromString(base64.b64decode(answer))
        except FunctionError as error:
            logger.exception("Orchestrator %s failed", started.name)
            failed = helpers.new_complete_orchestration_action(
                -1, pb.ORCHESTRATION_STATUS_FAILED, "", _details(error)
            )
            response = pb.OrchestratorResponse(instanceId=req.instanceId, actions=[failed])
        response.completionToken = completionToken
        stub.CompleteOrchestratorTask(response)

    @override
    def _execute_activity(self, req: pb.ActivityRequest, stub: Any, completionToken: Any) -> None:
        response = pb.ActivityResponse(
            instanceId=req.orchestrationInstance.instanceId,
            taskId=req.taskId,
            completionToken=completionToken,
        )
        try:
            result = self._invoke(
                self._activities, req.name, req.input.value or "null", req.parentTraceContext
            )
        except FunctionError as error:
            response.failureDetails.CopyFrom(_details(error))
        else:
            response.result.value = result
        stub.CompleteActivityTask(response)

    def _invoke(
        self, functions: Mapping[str, Function], task: str, value: str, context: pb.TraceContext
    ) -> str:
        """Have a function called, within a span of the host's own; return what it returned."""
        assert self.loop is not None, "the extension sets it before the start"
        if task not in functions:
            raise FunctionError(task, "KeyError", f"the app has no function {task!r}")
        with _span(task, context.traceParent) as parent:
            call = functions[task].invoke(Message(string=value), self._binding, parent)
            answer = asyncio.run_coroutine_threadsafe(call, self.loop).result()
        return getattr(answer, answer.WhichOneof("data"))


def _by_task(functions: Iterable[Function], kind: str) -> dict[str, Function]:
    """Return the functions that a kind of trigger starts, by the names that they are called by."""
    return {
        function.trigger.get(kind) or function.name: function
        for function in functions
        if function.trigger_type == f"{kind}Trigger"
    }


def _details(error: FunctionError) -> pb.TaskFailureDetails:
    details = pb.TaskFailureDetails(errorType=error.kind, errorMessage=error.message)
    details.stackTrace.value = error.trace
    return details


@contextmanager
def _span(name: str, parent: str) -> Generator[str]:
    """Make a span of the body of a `with`; give the `traceparent` of what is done within."""
    with tracer.start_as_current_span(name, _PROPAGATOR.extract({"traceparent": parent})):
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        yield carrier.get("traceparent", parent)
