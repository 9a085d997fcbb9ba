"""A proxy before Azurite and Azure Machine Learning that sees every request and may spoil it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from emulator.config import ACCOUNT, HOST

HANG_S = 4.0
SLOW_PIECES, SLOW_S = 8, 0.1
HOP_BY_HOP = {b"connection", b"keep-alive", b"transfer-encoding"}

type Watcher = Callable[[str, bytes], None]


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens to a request.

    Attributes:
        kind: "refuse", "lose" (it is done, the answer is lost), "reset", "hang" or "slow".
        status: to refuse with.
    """

    kind: str
    status: int = 503


@dataclass
class Proxy:
    """Passes requests on, and tells a watcher of each before it does.

    Attributes:
        port: where it listens.
        storage: base URL of Azurite's blob service.
        azureml: base URL of the Azure Machine Learning endpoint.
        watcher: is told method, path and query in one line, and the body.
        troubles: for the requests to come, one each.
    """

    port: int
    storage: str
    azureml: str
    watcher: Watcher = lambda _line, _body: None
    troubles: list[Trouble] = field(default_factory=list[Trouble])

    def __post_init__(self) -> None:
        """Hold nobody up."""
        self._open = threading.Event()
        self._open.set()
        self._client = httpx.Client(timeout=60, limits=httpx.Limits(max_connections=200))

    @contextmanager
    def held(self) -> Generator[None]:
        """Let no other request through for a while."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    @contextmanager
    def running(self) -> Generator[None]:
        """Serve in a thread while the context lasts."""
        config = uvicorn.Config(
            self,
            HOST,
            self.port,
            log_level="critical",
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield
        finally:
            server.should_exit = True
            thread.join(10)
            self._client.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        body = await _body(receive)
        query = f"?{scope['query_string'].decode()}" if scope["query_string"] else ""
        path = scope["raw_path"].decode() + query
        while not self._open.is_set():
            await asyncio.sleep(0.02)
        await run_in_threadpool(self.watcher, f"{scope['method']} {path}", body)
        trouble = self.troubles.pop(0) if self.troubles else None
        try:
            await self._answer(trouble, scope, path, body, send)
        except (httpx.TransportError, ConnectionAbortedError):
            # uvicorn has no other way to end a connection without an answer.
            receive.__self__.transport.abort()  # pyright: ignore[reportFunctionMemberAccess]

    async def _answer(
        self, trouble: Trouble | None, scope: Scope, path: str, body: bytes, send: Send
    ) -> None:
        if trouble and trouble.kind == "refuse":
            await _send(send, trouble.status, [(b"retry-after", b"1")], [b""])
            return
        if trouble and trouble.kind in {"reset", "hang"}:
            await asyncio.sleep(HANG_S if trouble.kind == "hang" else 0)
            raise ConnectionAbortedError
        answer, content = await run_in_threadpool(self._pass_on, scope, path, body)
        if trouble and trouble.kind == "lose":
            raise ConnectionAbortedError
        slow = trouble is not None and trouble.kind == "slow"
        headers = [pair for pair in answer.headers.raw if pair[0].lower() not in HOP_BY_HOP]
        await _send(send, answer.status_code, headers, _pieces(content, slow=slow), slow=slow)

    def _pass_on(self, scope: Scope, path: str, body: bytes) -> tuple[httpx.Response, bytes]:
        """Return what the service answers, and its content as it came."""
        base = self.storage if path.startswith(f"/{ACCOUNT}") else self.azureml
        with self._client.stream(
            scope["method"], base + path, headers=scope["headers"], content=body
        ) as answer:
            return answer, b"".join(answer.iter_raw())


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _pieces(content: bytes, *, slow: bool) -> list[bytes]:
    size = max(1, -(-len(content) // SLOW_PIECES) if slow else len(content))
    return [content[start : start + size] for start in range(0, len(content), size)] or [b""]


async def _send(
    send: Send, status: int, headers: list[Any], pieces: list[bytes], *, slow: bool = False
) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for piece in pieces:
        if slow:
            await asyncio.sleep(SLOW_S)
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
