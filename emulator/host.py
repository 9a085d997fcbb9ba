"""The Functions host: the app's own functions, each started by its trigger.

Stands in for the Azure Functions runtime on a machine without Core Tools. Run as
`python -m emulator.host`, with the app's settings in the environment.
"""

import argparse
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from emulator import background, logs, traces
from emulator.blob_triggers import BlobTriggers
from emulator.config import HOST
from emulator.durable import DurableExtension
from emulator.functions import Function, load_functions
from emulator.http_triggers import HttpTriggers
from emulator.management import management_routes
from emulator.serving import serve
from emulator.timer_triggers import TimerTrigger

TRIGGERS = frozenset(
    {"httpTrigger", "blobTrigger", "timerTrigger", "orchestrationTrigger", "activityTrigger"}
)


def create_app(
    functions: list[Function], root: Path, journal: Path, host_url: str, key: str
) -> Starlette:
    """Return the host's web application, which runs all triggers while it is served.

    Args:
        functions: All functions of the app.
        root: Folder of the app's host.json.
        journal: File with the task hub's state.
        host_url: Where the application will be served.
        key: Of the webhook for blobs.

    Raises:
        ValueError: A function has a trigger that this host does not know.
    """
    for function in functions:
        if function.trigger_type not in TRIGGERS:
            raise ValueError(f"{function.name}: {function.trigger_type} is not supported here.")
    durable = DurableExtension(functions, root, journal, host_url)
    timers = [
        TimerTrigger(function, durable.binding)
        for function in functions
        if function.trigger_type == "timerTrigger"
    ]
    blobs = BlobTriggers(functions, root, durable.binding, key)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with durable:
            listeners = [background.start(trigger.run()) for trigger in (*timers, blobs)]
            yield
            await background.stop(*listeners)

    return Starlette(
        routes=[
            *management_routes(durable, host_url),
            blobs.route,
            _functions_route(functions),
            Mount("/", HttpTriggers(functions, root, durable.binding)),
        ],
        lifespan=lifespan,
    )


def _functions_route(functions: list[Function]) -> Route:
    """Return the route that lists the functions; like every one here, it asks for no key."""
    listed = [{"name": each.name, "config": {"bindings": each.bindings}} for each in functions]

    def answer(_: Request) -> Response:
        return JSONResponse(listed)

    return Route("/admin/functions", answer, methods=["GET"])


def main() -> None:
    """Serve a function app until asked to end."""
    parser = argparse.ArgumentParser(prog="python -m emulator.host", description=main.__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--app", required=True, help="module that exposes the function app")
    parser.add_argument("--root", type=Path, required=True, help="folder of that module")
    parser.add_argument("--journal", type=Path, required=True, help="file of the task hub")
    parser.add_argument("--key", required=True, help="of the webhook for blobs")
    parser.add_argument("--traces", type=Path, help="file that takes the spans")
    options = parser.parse_args()
    logs.configure()
    if options.traces is not None:
        traces.export(options.traces)
    functions = load_functions(options.app, options.root)
    host_url = f"http://{HOST}:{options.port}"
    app = create_app(functions, options.root, options.journal, host_url, options.key)
    serve(app, options.port)


if __name__ == "__main__":
    main()
