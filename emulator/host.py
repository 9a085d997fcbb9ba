"""The Functions host: the app's own functions, each started by its trigger.

Stands in for the Azure Functions runtime on a machine without Core Tools. Run as
`python -m emulator.host`, with the app's settings in the environment.
"""

import argparse
import asyncio
import os
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulator import logs, traces
from emulator.blob_triggers import BlobTrigger
from emulator.config import HOST
from emulator.durable import DurableExtension
from emulator.functions import THREADS, Function, load_functions
from emulator.http_triggers import http_routes
from emulator.management import management_routes
from emulator.timer_triggers import TimerTrigger

TRIGGERS = frozenset(
    {"httpTrigger", "blobTrigger", "timerTrigger", "orchestrationTrigger", "activityTrigger"}
)


def create_app(functions: list[Function], root: Path, journal: Path, host_url: str) -> Starlette:
    """Return the host's web application, which runs all triggers while it is served.

    Args:
        functions: All functions of the app.
        root: Folder of the app's host.json.
        journal: File with the task hub's state.
        host_url: Where the application will be served.

    Raises:
        ValueError: A function has a trigger that this host does not know.
    """
    for function in functions:
        if function.trigger_type not in TRIGGERS:
            raise ValueError(f"{function.name}: {function.trigger_type} is not supported here.")
    durable = DurableExtension(functions, root, journal, host_url)
    triggers = _polling_triggers(functions, root, durable.binding)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
        async with durable:
            listeners = [asyncio.create_task(trigger.run()) for trigger in triggers]
            yield
            for listener in listeners:
                listener.cancel()
            await asyncio.gather(*listeners, return_exceptions=True)

    return Starlette(
        routes=[
            *management_routes(durable.client),
            *http_routes(functions, root, durable.binding),
        ],
        exception_handlers={HTTPException: _refuse},
        lifespan=lifespan,
    )


def _polling_triggers(
    functions: list[Function], root: Path, durable_client: str
) -> list[BlobTrigger | TimerTrigger]:
    storage = os.environ["AzureWebJobsStorage"]  # noqa: SIM112 - the name that Azure gives it
    triggers: list[BlobTrigger | TimerTrigger] = []
    for function in functions:
        if function.trigger_type == "blobTrigger":
            triggers.append(BlobTrigger(function, root, storage, durable_client))
        elif function.trigger_type == "timerTrigger":
            triggers.append(TimerTrigger(function, durable_client))
    return triggers


def _refuse(_: Request, error: Exception) -> Response:
    refusal = cast("HTTPException", error)
    return JSONResponse({"Message": refusal.detail}, status_code=refusal.status_code)


def main() -> None:
    """Serve a function app until asked to end."""
    parser = argparse.ArgumentParser(prog="python -m emulator.host", description=main.__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--app", required=True, help="module that exposes the function app")
    parser.add_argument("--root", type=Path, required=True, help="folder of that module")
    parser.add_argument("--journal", type=Path, required=True, help="file of the task hub")
    parser.add_argument("--traces", type=Path, help="file that takes the spans")
    options = parser.parse_args()
    logs.configure()
    if options.traces is not None:
        traces.export(options.traces)
    functions = load_functions(options.app, options.root)
    host_url = f"http://{HOST}:{options.port}"
    app = create_app(functions, options.root, options.journal, host_url)
    uvicorn.run(app, host=HOST, port=options.port, log_config=None, access_log=False)


if __name__ == "__main__":
    main()
