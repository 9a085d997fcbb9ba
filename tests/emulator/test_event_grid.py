"""Event Grid: which events come, how often, and that none is lost, on real Azurite."""

import asyncio
import os
import signal
import threading
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from azure.storage.blob import BlobServiceClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator import Emulator, azurite
from emulator.blob_changes import BlobChanges
from emulator.blob_triggers import WEBHOOK
from emulator.config import HOST, free_ports
from emulator.event_grid import EventGrid, Journal

type Notes = Callable[[], list[str]]
type WaitUntil = Callable[[Callable[[], object]], None]
COUNT = 60


@pytest.fixture
def folder() -> str:
    return uuid.uuid4().hex[:8]


@pytest.fixture
def grid(services: Emulator) -> Generator[httpx.Client]:
    with httpx.Client(base_url=services.config.event_grid_url) as client:
        yield client


def upload(storage: BlobServiceClient, name: str, container: str = "videos") -> dict[str, str]:
    storage.get_blob_client(container, name).upload_blob(b"video")
    return {"container": container, "name": name}


def test_a_lost_event_starts_nothing_and_one_that_comes_again_does(
    grid: httpx.Client,
    storage: BlobServiceClient,
    folder: str,
    notes: Notes,
    pending: Callable[[], int],
    wait_until: WaitUntil,
):
    name = f"{folder}/a.mp4"
    grid.post("/faults/lose", json={"container": "videos", "name": name}).raise_for_status()
    blob = upload(storage, name)
    upload(storage, f"{folder}/b.mp4")
    wait_until(lambda: f"arrive {folder}/b.mp4" in notes())
    wait_until(lambda: not pending())
    assert f"arrive {name}" not in notes()
    grid.post("/faults/again", json=blob).raise_for_status()
    wait_until(lambda: f"arrive {name}" in notes())
    assert grid.post("/faults/again", json={**blob, "name": "absent"}).status_code == 404


def test_what_comes_while_it_is_dead_is_told_later_and_nothing_old_again(
    services: Emulator,
    storage: BlobServiceClient,
    folder: str,
    notes: Notes,
    pending: Callable[[], int],
    wait_until: WaitUntil,
):
    upload(storage, f"{folder}/old.mp4")
    wait_until(lambda: f"arrive {folder}/old.mp4" in notes())
    wait_until(lambda: not pending())
    arrivals = notes().count(f"arrive {folder}/old.mp4")
    child = services.children["event grid"]
    pid = child.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    upload(storage, f"{folder}/new.mp4")
    wait_until(lambda: f"arrive {folder}/new.mp4" in notes())
    assert notes().count(f"arrive {folder}/old.mp4") == arrivals


class Listener:
    """A host that has one function with a blob trigger, and takes events only after a while."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], dict[str, str], list[dict[str, Any]]]] = []
        self.refusals = [503, 500]
        routes = [
            Route("/admin/functions", self.functions),
            Route(WEBHOOK, self.take, methods=["POST"]),
        ]
        self.app = Starlette(routes=routes)

    def functions(self, _: Request) -> Response:
        binding = {"type": "blobTrigger", "path": "results/{name}", "source": "EventGrid"}
        scanned = binding | {"source": "LogsAndContainerScan", "path": "videos/{name}"}
        return JSONResponse(
            [
                {"name": "hear", "config": {"bindings": [binding]}},
                {"name": "scan", "config": {"bindings": [scanned]}},
            ]
        )

    async def take(self, request: Request) -> Response:
        events = await request.json()
        if request.headers["aeg-event-type"] == "SubscriptionValidation":
            return JSONResponse({"validationResponse": events[0]["data"]["validationCode"]})
        if self.refusals:
            return Response(status_code=self.refusals.pop())
        self.requests.append((dict(request.headers), dict(request.query_params), events))
        return Response(status_code=202)

    def names(self) -> list[str]:
        return [event["subject"] for _, _, events in self.requests for event in events]


@pytest.fixture
def listener() -> Generator[tuple[Listener, str]]:
    """Return a listener and its URL."""
    heard = Listener()
    (port,) = free_ports(1)
    server = uvicorn.Server(uvicorn.Config(heard.app, HOST, port, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield heard, f"http://{HOST}:{port}"
    server.should_exit = True
    thread.join(10)


@asynccontextmanager
async def watching(services: Emulator, url: str, file: Path) -> AsyncGenerator[EventGrid]:
    journal = Journal(file)
    async with httpx.AsyncClient(base_url=url) as host:
        grid = EventGrid(journal, host, "the key")
        files = azurite.folder(services.config)
        task = asyncio.create_task(grid.run(files, services.config.storage))
        yield grid
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        journal.close()


def test_events_come_as_azures_do(
    services: Emulator,
    storage: BlobServiceClient,
    listener: tuple[Listener, str],
    folder: str,
    tmp_path: Path,
):
    heard, url = listener
    names = [f"{folder}/{number:02} ü%2F.txt" for number in range(COUNT)]
    subjects = [f"/blobServices/default/containers/results/blobs/{name}" for name in names]

    async def watch() -> None:
        for name in names:
            upload(storage, name, "results")
        upload(storage, f"{folder}/else.txt", "styles")
        async with watching(services, url, tmp_path / "events"):
            while not set(subjects) <= set(heard.names()):
                await asyncio.sleep(0.1)

    asyncio.run(asyncio.wait_for(watch(), 60))
    mine = [name for name in heard.names() if folder in name]
    assert set(mine) == set(subjects)
    assert mine != sorted(mine), "they come in no order"
    assert max(Counter(mine).values()) > 1, "some come twice"
    assert {len(events) for *_, events in heard.requests} >= {1, 2, 3}, "some come together"
    assert heard.refusals == [], "what was refused came again"
    headers, query, (event, *_) = heard.requests[0]
    assert headers["aeg-event-type"] == "Notification"
    assert query == {"functionName": "Host.Functions.hear", "code": "the key"}
    assert event["eventType"] == "Microsoft.Storage.BlobCreated"
    assert event["data"]["contentLength"] == len(b"video")
    assert event["data"]["eTag"].startswith("0x")


def test_what_was_not_delivered_outlives_a_restart(
    services: Emulator,
    storage: BlobServiceClient,
    listener: tuple[Listener, str],
    folder: str,
    tmp_path: Path,
):
    heard, url = listener
    heard.refusals = [503] * 10**6

    async def watch() -> None:
        upload(storage, f"{folder}/a.txt", "results")
        async with watching(services, url, tmp_path / "events") as grid:
            while not grid.pending():
                await asyncio.sleep(0.1)
        heard.refusals.clear()
        async with watching(services, url, tmp_path / "events"):
            while not [name for name in heard.names() if folder in name]:
                await asyncio.sleep(0.1)

    asyncio.run(asyncio.wait_for(watch(), 60))


def test_a_look_is_worth_while_for_a_while_after_a_change(
    services: Emulator, tmp_path: Path, wait_until: WaitUntil
):
    changes = BlobChanges(tmp_path, services.config.storage, ["videos"], settled_s=0.2)
    index = tmp_path / "__azurite_db_blob__.json"
    index.write_text("{}")
    assert changes.may_have_news()
    wait_until(lambda: not changes.may_have_news())
    index.write_text("{ }")
    assert changes.may_have_news()
