"""What goes wrong in Azure now and then, and goes wrong here when it is asked for.

    POST /faults/jobs/{name}/restart    its nodes are taken away, the same run starts again
    POST /faults/jobs/{name}/preempt    its nodes are taken away, the run fails: PreemptionError
    POST /faults/jobs/{name}/lose       nothing is written back from now on, and its nodes are lost
                                        when its processes have ended
    POST /faults/jobs/{name}/silence    it is NotResponding, though it goes on
    POST /faults/jobs/{name}/speak      it responds again
    POST /faults/answers                {"method", "status", "retry_after", "times"}: the next
                                        requests of that method are refused with that status

Azure has no such calls; tests and the curious have.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from emulator.jobs import Job

PREFIX = "/faults/"

FAULTS: dict[str, Callable[[Job], None]] = {
    "restart": Job.restart,
    "preempt": Job.preempt,
    "lose": Job.lose_node,
    "silence": Job.silence,
    "speak": Job.speak,
}


class Refusals:
    """Middleware that refuses requests with what it was told to answer."""

    def __init__(self, app: ASGIApp) -> None:
        """Refuse nothing yet."""
        self._app = app
        self._answers: deque[dict[str, Any]] = deque()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, take an order, or pass it on."""
        answer: ASGIApp = self._app
        if scope["type"] == "http":
            if scope["path"] == f"{PREFIX}answers":
                order = await Request(scope, receive).json()
                self._answers.extend([order] * order.get("times", 1))
                answer = Response(status_code=204)
            elif not scope["path"].startswith(PREFIX) and (order := self._next(scope["method"])):
                answer = _refusal(order)
        await answer(scope, receive, send)

    def _next(self, method: str) -> dict[str, Any] | None:
        if not self._answers or self._answers[0].get("method", method) != method:
            return None
        return self._answers.popleft()


def route(find: Callable[[Request], Job]) -> Route:
    """Return the route by which a job's fault is asked for.

    Args:
        find: Finds the job that a request names.
    """

    def ask(request: Request) -> Response:
        fault = FAULTS.get(request.path_params["fault"])
        if fault is None:
            return Response(f"The faults are: {', '.join(FAULTS)}.", 400)
        fault(find(request))
        return Response(status_code=204)

    return Route(f"{PREFIX}jobs/{{name}}/{{fault}}", ask, methods=["POST"])


def _refusal(order: dict[str, Any]) -> Response:
    wait = order.get("retry_after")
    return JSONResponse(
        {"error": {"code": "Refused", "message": "Refused, as was asked for."}},
        order["status"],
        headers={} if wait is None else {"Retry-After": str(wait)},
    )
