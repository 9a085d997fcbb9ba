"""HTTP triggers: the app's routes, served."""

import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import azure.functions as func
from azure.functions.http import HttpResponseConverter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from emulator import host_json
from emulator.functions import Function, resolve

_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
_CATCH_ALL = re.compile(r"\{\*(\w+)\}")
# How a function takes the site's root: the Functions host gives an empty route the function's name.
# https://github.com/Azure/Azure-Functions/issues/2473
_NOTHING = re.compile(r"\{\w+:maxlength\(0\)\?\}")

logger = logging.getLogger(__name__)


def http_routes(functions: Iterable[Function], root: Path, durable_client: str) -> list[Route]:
    """Return a route for each HTTP-triggered function, the most specific first.

    Keys and authorization levels are ignored, as Core Tools do on a developer's machine.

    Args:
        functions: All functions of the app.
        root: Folder of its host.json, which may set the routes' prefix.
        durable_client: Configuration that durable clients are made from.
    """
    prefix = host_json.extension(root, "http").get("routePrefix", "api")
    routes = [
        _route(function, prefix, durable_client)
        for function in functions
        if function.trigger_type == "httpTrigger"
    ]
    return sorted(routes, key=lambda route: ("{" in route.path, ":path}" in route.path))


def _route(function: Function, prefix: str, durable_client: str) -> Route:
    trigger: Any = function.trigger
    route = _NOTHING.sub("", resolve(trigger.route or function.name))
    template = _CATCH_ALL.sub(r"{\1:path}", route)
    path = "/" + "/".join(part.strip("/") for part in (prefix, template) if part.strip("/"))
    methods = [str(method) for method in trigger.methods or _METHODS]

    async def endpoint(request: Request) -> Response:
        try:
            result = await function.invoke(await _to_functions(request), durable_client)
        except Exception:
            logger.exception("Function %s failed", function.name)
            return Response(status_code=500)
        return _to_starlette(result)

    return Route(path, endpoint, methods=methods, name=function.name)


async def _to_functions(request: Request) -> func.HttpRequest:
    return func.HttpRequest(
        method=request.method,
        url=str(request.url),
        headers=dict(request.headers),
        params=dict(request.query_params),
        route_params={name: str(value) for name, value in request.path_params.items()},
        body=await request.body(),
    )


def _to_starlette(result: func.HttpResponse | str | None) -> Response:
    """Encode as the Functions worker does, content type included."""
    if result is None:
        return Response(status_code=204)
    datum = HttpResponseConverter.encode(result, expected_type=None)
    if datum.type == "string":
        return Response(datum.value, media_type="text/plain")
    response = Response(datum.value["body"].value, int(datum.value["status_code"].value))
    for name, value in datum.value["headers"].items():
        response.headers[name] = value.value
    for cookie in datum.value["cookies"] or ():
        response.headers.append("set-cookie", cookie.output(header="").strip())
    return response
