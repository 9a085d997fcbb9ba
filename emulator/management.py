"""The durable extension's HTTP API, by which instances are read and steered.

https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-http-api
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from azure.durable_functions.internal.compat.history_projection import project_history
from durabletask.client import (
    OrchestrationQuery,
    OrchestrationState,
    OrchestrationStatus,
    TaskHubGrpcClient,
)
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator.durable import WEBHOOK

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
_RETRY_AFTER_S = "10"
_PAGE = 100


def management_routes(client: TaskHubGrpcClient) -> list[Route]:
    """Return the routes of the API, for the task hub that `client` reaches."""
    api = _Management(client)
    instance = f"{WEBHOOK}/instances/{{id}}"
    return [
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

    def __init__(self, client: TaskHubGrpcClient) -> None:
        self._client = client

    def read(self, request: Request) -> Response:
        """Describe an instance: 202 while it runs, 200 when it has ended."""
        state = self._find(request)
        body = _describe(state, show_input=_flag(request, "showInput", default=True))
        if _flag(request, "showHistory"):
            body["historyEvents"] = self._history(request)
        if body["runtimeStatus"] not in _ENDED:
            headers = {"Location": str(request.url), "Retry-After": _RETRY_AFTER_S}
            return JSONResponse(body, status_code=202, headers=headers)
        failed = body["runtimeStatus"] == "Failed"
        as_error = failed and _flag(request, "returnInternalServerErrorOnFailure")
        return JSONResponse(body, status_code=500 if as_error else 200)

    def query(self, request: Request) -> Response:
        """List instances, a page at a time."""
        states = self._client.get_all_orchestration_states(_query(request))
        first = int(request.headers.get("x-ms-continuation-token") or 0)
        after = first + int(request.query_params.get("top") or _PAGE)
        show_input = _flag(request, "showInput", default=True)
        page = [_describe(state, show_input=show_input) for state in states[first:after]]
        more = {"x-ms-continuation-token": str(after)} if after < len(states) else {}
        return JSONResponse(page, headers=more)

    async def raise_event(self, request: Request) -> Response:
        """Send an event, whose data is the JSON body, to an instance."""
        try:
            data = json.loads(await request.body() or "null")
        except ValueError as error:
            raise HTTPException(400, f"The event's data is not JSON: {error}") from error
        event = request.path_params["event"]
        return await run_in_threadpool(
            self._steer,
            request,
            lambda name: self._client.raise_orchestration_event(name, event, data=data),
        )

    def terminate(self, request: Request) -> Response:
        """End an instance and its children without running their code."""
        reason = request.query_params.get("reason")
        return self._steer(
            request, lambda name: self._client.terminate_orchestration(name, output=reason)
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
            raise HTTPException(404, "There is no such instance that has ended.")
        return JSONResponse({"instancesDeleted": purged.deleted_instance_count})

    def _steer(self, request: Request, action: Callable[[str], None]) -> Response:
        """Do `action` to an instance: 202, or 410 when it has ended."""
        state = self._find(request)
        if _NAMES[state.runtime_status] in _ENDED:
            return Response(status_code=410)
        action(state.instance_id)
        return Response(status_code=202)

    def _find(self, request: Request) -> OrchestrationState:
        state = self._client.get_orchestration_state(request.path_params["id"])
        if state is None:
            raise HTTPException(404, "There is no such instance.")
        return state

    def _history(self, request: Request) -> list[dict[str, Any]]:
        return project_history(
            self._client.get_orchestration_history(request.path_params["id"]),
            show_input=_flag(request, "showInput", default=True),
            show_history_output=_flag(request, "showHistoryOutput"),
        )


def _query(request: Request) -> OrchestrationQuery:
    wanted = request.query_params
    try:
        return OrchestrationQuery(
            created_time_from=_time(wanted.get("createdTimeFrom")),
            created_time_to=_time(wanted.get("createdTimeTo")),
            runtime_status=_statuses(wanted.get("runtimeStatus")),
            fetch_inputs_and_outputs=True,
            instance_id_prefix=wanted.get("instanceIdPrefix"),
        )
    except (KeyError, ValueError) as error:
        raise HTTPException(400, f"The query cannot be read: {error}") from error


def _describe(state: OrchestrationState, *, show_input: bool) -> dict[str, Any]:
    failure = state.failure_details
    return {
        "name": state.name,
        "instanceId": state.instance_id,
        "runtimeStatus": _NAMES[state.runtime_status],
        "input": _value(state.serialized_input) if show_input else None,
        "customStatus": _value(state.serialized_custom_status),
        "output": failure.message if failure else _value(state.serialized_output),
        "createdTime": _timestamp(state.created_at),
        "lastUpdatedTime": _timestamp(state.last_updated_at),
    }


def _value(serialized: str | None) -> Any:
    return json.loads(serialized) if serialized else None


def _timestamp(moment: datetime) -> str:
    aware = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    return aware.strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _statuses(names: str | None) -> list[OrchestrationStatus] | None:
    """Convert comma-separated names such as `Running,Pending`."""
    return [_STATUSES[name.strip()] for name in names.split(",")] if names else None


def _flag(request: Request, name: str, *, default: bool = False) -> bool:
    return request.query_params.get(name, str(default)).lower() == "true"
