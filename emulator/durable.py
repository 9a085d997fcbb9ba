"""The durable extension: the task hub, and the worker that runs the app's functions on it."""

import asyncio
import functools
import json
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

from azure.durable_functions.internal.compat.orchestration_context import wrap_orchestrator
from azure.durable_functions.internal.serialization import DEFAULT_FUNCTIONS_DATA_CONVERTER
from durabletask.client import TaskHubGrpcClient
from durabletask.worker import ConcurrencyOptions, TaskHubGrpcWorker

from emulator import host_json
from emulator.config import HOST, free_ports
from emulator.functions import THREADS, Function
from emulator.taskhub import DurableBackend

logger = logging.getLogger(__name__)

WEBHOOK = "/runtime/webhooks/durabletask"


class DurableExtension:
    """Runs orchestrators and activities; gives out durable clients."""

    def __init__(
        self, functions: Iterable[Function], root: Path, journal: Path, host_url: str
    ) -> None:
        """Register the orchestrators and activities among `functions`.

        Args:
            functions: All functions of the app.
            root: Folder of its host.json, which may say how many activities run at a time.
            journal: File with the task hub's state.
            host_url: Base URL of the Functions host.
        """
        limits = host_json.extension(root, "durableTask")
        (port,) = free_ports(1)
        self._address = f"{HOST}:{port}"
        self._host_url = host_url
        self._backend = DurableBackend(port, journal)
        self._worker = TaskHubGrpcWorker(
            host_address=self._address,
            data_converter=DEFAULT_FUNCTIONS_DATA_CONVERTER,
            logger=logger,
            concurrency_options=ConcurrencyOptions(
                maximum_concurrent_activity_work_items=limits.get("maxConcurrentActivityFunctions"),
                maximum_thread_pool_workers=THREADS,
            ),
        )
        self._functions = list(functions)
        self.client = TaskHubGrpcClient(
            host_address=self._address,
            data_converter=DEFAULT_FUNCTIONS_DATA_CONVERTER,
            logger=logger,
        )

    async def __aenter__(self) -> Self:
        """Begin to work, with the instances first that an earlier process left."""
        loop = asyncio.get_running_loop()
        for function in self._functions:
            if function.trigger_type == "orchestrationTrigger":
                self._worker.add_orchestrator(_orchestrator(function))
            elif function.trigger_type == "activityTrigger":
                self._worker.add_activity(_activity(function, self.binding, loop))
        await asyncio.to_thread(self._backend.start)
        await asyncio.to_thread(self._worker.start)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop taking up work."""
        await asyncio.to_thread(self._worker.stop)
        self.client.close()
        await asyncio.to_thread(self._backend.stop)

    @property
    def binding(self) -> str:
        """What a durable client is made from: JSON, as the extension passes it to a worker."""
        base = f"{self._host_url}{WEBHOOK}"
        instance = f"{base}/instances/INSTANCEID"
        return json.dumps(
            {
                "taskHubName": "local",
                "rpcBaseUrl": f"http://{self._address}",
                "baseUrl": base,
                "httpBaseUrl": base,
                "requiredQueryStringParameters": "",
                "managementUrls": {
                    "id": "INSTANCEID",
                    "statusQueryGetUri": instance,
                    "sendEventPostUri": f"{instance}/raiseEvent/{{eventName}}",
                    "terminatePostUri": f"{instance}/terminate?reason={{text}}",
                    "suspendPostUri": f"{instance}/suspend?reason={{text}}",
                    "resumePostUri": f"{instance}/resume?reason={{text}}",
                    "purgeHistoryDeleteUri": instance,
                },
            }
        )


def _orchestrator(function: Function) -> Callable[..., Any]:
    handle: Any = function.call
    run = wrap_orchestrator(handle.orchestrator_function)

    @functools.wraps(run)  # the worker reads the type of the input from its annotation
    def orchestrator(context: Any, value: Any) -> Any:
        return run(context, value)

    return _named(orchestrator, _task_name(function, "orchestration"))


def _activity(
    function: Function, binding: str, loop: asyncio.AbstractEventLoop
) -> Callable[..., Any]:
    def activity(_: object, value: Any) -> Any:
        invocation = function.invoke(value, binding)
        return asyncio.run_coroutine_threadsafe(invocation, loop).result()

    return _named(activity, _task_name(function, "activity"))


def _task_name(function: Function, attribute: str) -> str:
    """Return the name that orchestrators call `function` by."""
    return getattr(function.trigger, attribute, None) or function.name


def _named(task: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Give `task` the name that the worker registers it by."""
    task.__name__ = name
    return task
