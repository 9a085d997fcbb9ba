"""HTTP triggers: the app's routes, answered as the Functions host answers them.

Routes are tried in the order of their functions' names, however much they take. A path or method
that no function takes is answered by 404 without a body; but at the site's root the host has a page
of its own, unless the setting AzureWebJobsDisableHomepage is true.
"""

import logging
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from emulator import host_json
from emulator.functions import Function, FunctionError, resolve
from emulator.worker import Message

_PARAMETER = re.compile(
    r"\{(?P<all>\*?)(?P<name>\w+)(:maxlength\((?P<most>\d+)\))?(?P<optional>\??)\}"
)
_SLASH = re.compile("(%2F)", re.IGNORECASE)
_HOMEPAGE = "<title>Azure Functions</title><p>Your Functions app is up and running.</p>"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Route:
    """What one function answers.

    Attributes:
        function: That answers.
        segments: Of its path.
        methods: That it takes; none for every one.
    """

    function: Function
    segments: tuple[str, ...]
    methods: frozenset[str]

    def match(self, method: str, segments: list[str]) -> dict[str, str] | None:
        """Return the parameters of a path that this route takes; None for another's."""
        if self.methods and method not in self.methods:
            return None
        parameters: dict[str, str] = {}
        for number, wanted in enumerate(self.segments):
            parameter = _PARAMETER.fullmatch(wanted)
            if parameter and parameter["all"]:
                return parameters | {parameter["name"]: "/".join(segments[number:])}
            if number == len(segments):
                optional = parameter is not None and bool(parameter["optional"])
                return parameters if optional else None
            if parameter:
                if parameter["most"] and len(segments[number]) > int(parameter["most"]):
                    return None
                parameters[parameter["name"]] = segments[number]
            elif wanted.lower() != segments[number].lower():
                return None
        return parameters if len(segments) <= len(self.segments) else None


class HttpTriggers:
    """All HTTP-triggered functions, as an ASGI application.

    Keys and authorization levels are ignored, as Core Tools do on a developer's machine.
    """

    def __init__(self, functions: Iterable[Function], root: Path, durable_client: str) -> None:
        """Read the routes.

        Args:
            functions: All functions of the app.
            root: Folder of its host.json, which may set the routes' prefix.
            durable_client: Configuration that durable clients are made from.
        """
        prefix = host_json.extension(root, "http").get("routePrefix", "api")
        self._durable_client = durable_client
        routes = [_route(each, prefix) for each in functions if each.trigger_type == "httpTrigger"]
        # As Azure's host does, which knows no other precedence.
        self._routes = sorted(routes, key=lambda route: route.function.name.lower())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        answer = await self._answer(request)
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path: str = request.scope["raw_path"].decode("latin-1").partition("?")[0]
        if "%00" in path:
            return Response(status_code=400)
        segments = [_unquoted(part) for part in path.strip("/").split("/") if part]
        for route in self._routes:
            parameters = route.match(request.method, segments)
            if parameters is not None:
                return await self._invoke(route.function, request, parameters)
        return _no_function(has_path=bool(segments))

    async def _invoke(
        self, function: Function, request: Request, parameters: Mapping[str, str]
    ) -> Response:
        message = await _to_worker(request, parameters)
        try:
            result = await function.invoke(message, self._durable_client)
        except FunctionError as error:
            logger.error("%s", error)
            return Response(status_code=500)
        return _to_client(result)


def _route(function: Function, prefix: str) -> _Route:
    path = f"{prefix}/{resolve(function.trigger.get('route') or function.name)}"
    methods = frozenset(method.upper() for method in function.trigger.get("methods") or ())
    segments = tuple(part for part in path.split("/") if part)
    for segment in segments:
        if "{" in segment and not _PARAMETER.fullmatch(segment):
            raise ValueError(f"{function.name}: a route with {segment} is not supported here.")
    return _Route(function, segments, methods)


def _unquoted(segment: str) -> str:
    """Decode a part of a path; a slash that was encoded stays so, or it would be another part."""
    return "".join(
        part if _SLASH.fullmatch(part) else unquote(part) for part in _SLASH.split(segment)
    )


def _no_function(*, has_path: bool) -> Response:
    if has_path:
        return Response(status_code=404)
    if os.environ.get("AzureWebJobsDisableHomepage", "").lower() in {"true", "1"}:  # noqa: SIM112
        return Response(status_code=204)
    return Response(_HOMEPAGE, headers={"content-type": "text/html"})


async def _to_worker(request: Request, parameters: Mapping[str, str]) -> Message:
    query = request.query_params
    http = Message(
        method=request.method,
        url=str(request.url),
        headers=dict(request.headers),
        params=parameters,
        query={name: ",".join(query.getlist(name)) for name in query},
        body=Message(bytes=await request.body()),
    )
    return Message(http=http)


def _to_client(result: Any) -> Response:
    if result is None:
        return Response(status_code=204)
    if result.WhichOneof("data") != "http":
        return Response(result.string, media_type="text/plain")
    body = result.http.body
    content = getattr(body, body.WhichOneof("data"))
    return Response(content, int(result.http.status_code), headers=result.http.headers)
