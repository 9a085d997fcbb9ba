"""How the services of the emulator answer over HTTP."""

import uvicorn
from starlette.applications import Starlette

from emulator.config import HOST


def serve(app: Starlette, port: int) -> None:
    """Answer on this machine alone until asked to end; logs are the caller's."""
    uvicorn.run(app, host=HOST, port=port, log_config=None, access_log=False)
