"""The durable extension's HTTP API, by which instances are started, read and steered.

https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-http-api
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import grpc
from azure.durable_functions.internal.compat.history_projection import project_history
from durabletask.client import (
    OrchestrationQuery,
    OrchestrationState,
    OrchestrationStatus,
    TaskHubGrpcClient,
)
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator.durable import WEBHOOK, DurableExtension, instance_urls

_NAMES = {
    OrchestrationStatus.PENDING: "Pending",
    OrchestrationStatus.RUNNING: "Running",
    OrchestrationStatus.SUSPENDED: "Suspended",
    OrchestrationStatus.CONTINUED_AS_NEW: "ContinuedAsNew",
    OrchestrationStatus.COMPLETED: "Completed",
    OrchestrationStatus.FAILED: "Failed",
    OrchestrationStatus.TERMINATED: "Terminated",
}
_STATUSES = {name: status for status, name in _NAMES.items()}
_ENDED = frozenset({"Completed", "Failed", "Terminated"})
_RETRY_AFTER = {"Retry-After": "10"}
_TOKEN = "x-ms-continuation-token"
_PAGE = 100


class _Json(JSONResponse):
    media_type = "application/json; charset=utf-8"


def management_routes(durable: DurableExtension, host_url: str) -> list[Route]:
    """Return the routes of the API, for the task hub of the extension."""
    api = _Management(durable, host_url)
    instance = f"{WEBHOOK}/instances/{{id}}"
    start = f"{WEBHOOK}/orchestrators/{{name}}"
    return [
        Route(start, api.start, methods=["POST"]),
        Route(f"{start}/{{id}}", api.start, methods=["POST"]),
        Route(f"{WEBHOOK}/instances", api.query, methods=["GET"]),
        Route(instance, api.read, methods=["GET"]),
        Route(instance, api.purge, methods=["DELETE"]),
        Route(f"{instance}/raiseEvent/{{event}}", api.raise_event, methods=["POST"]),
        Route(f"{instance}/terminate", api.terminate, methods=["POST"]),
        Route(f"{instance}/suspend", api.suspend, methods=["POST"]),
        Route(f"{instance}/resume", api.resume, methods=["POST"]),
    ]


class _Management:
    """The API's operations."""

    def __init__(self, durable: DurableExtension, host_url: str) -> None:
        self._durable = durable
        self._client: TaskHubGrpcClient = durable.client
        self._host_url = host_url

    async def start(self, request: Request) -> Response:
        """Start an instance, whose input is the JSON body: 202 with where to look."""
        name, instance = request.path_params["name"], request.path_params.get("id")
        if name not in self._durable.orchestrators:
            return _refusal(f"The function '{name}' doesn't exist or is no orchestrator.")
        try:
            value = json.loads(await request.body() or "null")
        except ValueError:
            return _refusal("Invalid JSON content")
        schedule = self._client.schedule_new_orchestration
        try:
            instance = await run_in_threadpool(schedule, name, input=value, instance_id=instance)
        except grpc.RpcError:
            return _refusal(f"An instance with ID {instance} already exists.", 409)
        urls = instance_urls(self._host_url, instance)
        headers = {"Location": urls["statusQueryGetUri"], **_RETRY_AFTER}
        return _Json({"id": instance, **urls}, status_code=202, headers=headers)

    def read(self, request: Request) -> Response:
        """Describe an instance: 202 while it runs, 200 when it has ended."""
        state = self._find(request)
        if state is None:
            return Response(status_code=404)
        body = _describe(state, show_input=_flag(request, "showInput", default=True))
        if _flag(request, "showHistory"):
            body["historyEvents"] = self._history(request)
        if body["runtimeStatus"] not in _ENDED:
            headers = {"Location": str(request.url), **_RETRY_AFTER}
            return _Json(body, status_code=202, headers=headers)
        failed = body["runtimeStatus"] == "Failed"
        as_error = failed and _flag(request, "returnInternalServerErrorOnFailure")
        return _Json(body, status_code=500 if as_error else 200)

    def query(self, request: Request) -> Response:
        """List instances, a page at a time."""
        states = self._client.get_all_orchestration_states(_query(request.query_params))
        first = _number(request.headers.get(_TOKEN), 0)
        after = first + _number(request.query_params.get("top"), _PAGE)
        show_input = _flag(request, "showInput", default=True)
        page = [_describe(state, show_input=show_input) for state in states[first:after]]
        more = {_TOKEN: str(after)} if after < len(states) else {}
        return _Json(page, headers=more)

    async def raise_event(self, request: Request) -> Response:
        """Send an event, whose data is the JSON body, to an instance."""
        if unreachable := await run_in_threadpool(self._unreachable, request):
            return unreachable
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return _refusal("Only application/json request content is supported")
        try:
            data = json.loads(await request.body() or "null")
        except ValueError:
            return _refusal("Invalid JSON content")
        name, event = request.path_params["id"], request.path_params["event"]
        await run_in_threadpool(self._client.raise_orchestration_event, name, event, data=data)
        return Response(status_code=202)

    def terminate(self, request: Request) -> Response:
        """End an instance without running its code; its children go on."""
        reason = request.query_params.get("reason")
        return self._steer(
            request,
            lambda name: self._client.terminate_orchestration(name, output=reason, recursive=False),
        )

    def suspend(self, request: Request) -> Response:
        """Hold an instance."""
        reason = request.query_params.get("reason")
        return self._steer(
            request, lambda name: self._client.suspend_orchestration(name, reason=reason)
        )

    def resume(self, request: Request) -> Response:
        """Let an instance that is held go on."""
        reason = request.query_params.get("reason")
        return self._steer(
            request, lambda name: self._client.resume_orchestration(name, reason=reason)
        )

    def purge(self, request: Request) -> Response:
        """Forget an instance that has ended."""
        purged = self._client.purge_orchestration(request.path_params["id"])
        if not purged.deleted_instance_count:
            return Response(status_code=404)
        return _Json({"instancesDeleted": purged.deleted_instance_count})

    def _steer(self, request: Request, action: Callable[[str], None]) -> Response:
        """Do `action` to an instance: 202."""
        if unreachable := self._unreachable(request):
            return unreachable
        action(request.path_params["id"])
        return Response(status_code=202)

    def _unreachable(self, request: Request) -> Response | None:
        """Return 410 when an instance has ended, 404 when there is none."""
        state = self._find(request)
        if state is None:
            return Response(status_code=404)
        return Response(status_code=410) if _NAMES[state.runtime_status] in _ENDED else None

    def _find(self, request: Request) -> OrchestrationState | None:
        return self._client.get_orchestration_state(request.path_params["id"])

    def _history(self, request: Request) -> list[dict[str, Any]]:
        return project_history(
            self._client.get_orchestration_history(request.path_params["id"]),
            show_input=_flag(request, "showInput", default=True),
            show_history_output=_flag(request, "showHistoryOutput"),
        )


def _refusal(message: str, status: int = 400) -> Response:
    return _Json({"Message": message}, status_code=status)


def _query(wanted: Mapping[str, str]) -> OrchestrationQuery:
    """Read a query; what of it cannot be read is not asked for."""
    names = wanted.get("runtimeStatus", "").split(",")
    return OrchestrationQuery(
        created_time_from=_time(wanted.get("createdTimeFrom")),
        created_time_to=_time(wanted.get("createdTimeTo")),
        runtime_status=[_STATUSES[name] for name in map(str.strip, names) if name in _STATUSES],
        fetch_inputs_and_outputs=True,
        instance_id_prefix=wanted.get("instanceIdPrefix"),
    )


def _describe(state: OrchestrationState, *, show_input: bool) -> dict[str, Any]:
    return {
        "name": state.name,
        "instanceId": state.instance_id,
        "runtimeStatus": _NAMES[state.runtime_status],
        "input": _value(state.serialized_input) if show_input else None,
        "customStatus": _value(state.serialized_custom_status),
        "output": _value(state.serialized_output),
        "createdTime": _timestamp(state.created_at),
        "lastUpdatedTime": _timestamp(state.last_updated_at),
    }


def _value(serialized: str | None) -> Any:
    """Return what JSON stands for; text that is none, such as that of a failure, as it is."""
    try:
        return json.loads(serialized) if serialized else None
    except ValueError:
        return serialized


def _timestamp(moment: datetime) -> str:
    aware = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    return aware.strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(text: str | None) -> datetime | None:
    with suppress(ValueError):
        return datetime.fromisoformat(text) if text else None
    return None


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdecimal() else otherwise


def _flag(request: Request, name: str, *, default: bool = False) -> bool:
    return request.query_params.get(name, str(default)).lower() == "true"
