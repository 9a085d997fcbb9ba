"""Event Grid: tells the Functions host of each blob that is written, as Azure does.

Run as `python -m emulator.event_grid`. It asks the host for its functions, shakes hands with the
webhook of each that has a blob trigger, and posts a BlobCreated event for each version of a blob in
that function's container. As in Azure, events come at least once: some twice, some together, not in
the order of the uploads, and again until the host takes them. What is not delivered outlives a
restart.
https://learn.microsoft.com/azure/event-grid/delivery-and-retry

Azure has no such calls; tests and the curious have:

    GET  /pending                           how many events are not delivered yet
    POST /faults/lose {"container", "name"}     the next event of that blob goes astray
    POST /faults/again {"container", "name"}    the last event of that blob comes once more
"""

import argparse
import asyncio
import json
import logging
import random
import sqlite3
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from azure.storage.queue import QueueServiceClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator import background, logs
from emulator.blob_changes import Blob, BlobChanges
from emulator.blob_triggers import QUEUES, WEBHOOK
from emulator.config import ACCOUNT, Config
from emulator.serving import serve

LOOK_S = 0.2
"""Seconds between looks."""
SELDOM_S = 1.0
"""Seconds between looks that find nothing while files change all the time, as a job's do."""
TWICE, MOST_TOGETHER = 0.125, 3
"""The share of events that come twice; how many come in one request, at most."""
RETRY_S = (1.0, 2.0, 5.0, 10.0)
"""Seconds before an event is delivered again, the last of them ever after; Azure begins with 10."""
ATTEMPTS = 30
HOPELESS = {400, 403, 413}
"""Answers after which Azure does not try again."""
TIMEOUT_S = 30.0

_TOPIC = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local"
    f"/providers/Microsoft.Storage/storageAccounts/{ACCOUNT}"
)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS seen (
    container TEXT NOT NULL, name TEXT NOT NULL, etag TEXT NOT NULL, PRIMARY KEY (container, name)
);
CREATE TABLE IF NOT EXISTS pending (
    id INTEGER PRIMARY KEY AUTOINCREMENT, function TEXT NOT NULL, event TEXT NOT NULL
);
"""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Subscription:
    """Which function hears of which container."""

    function: str
    container: str


class Journal:
    """Which versions of blobs were seen, and which events are not delivered yet."""

    def __init__(self, file: Path) -> None:
        """Open the journal, which may be new."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(file, check_same_thread=False, autocommit=True)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Close it; nothing is remembered any more."""
        self._database.close()

    def seen(self) -> dict[tuple[str, str], str]:
        """Return the ETag of each blob as it was seen last."""
        rows = self._database.execute("SELECT container, name, etag FROM seen")
        return {(container, name): etag for container, name, etag in rows}

    def see(self, blob: Blob, events: list[tuple[str, str]]) -> None:
        """Remember a version, together with the events about it and for whom they are."""
        row = (blob.container, blob.name, blob.etag)
        self._database.execute("BEGIN")
        self._database.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", row)
        self._database.executemany("INSERT INTO pending VALUES (NULL, ?, ?)", events)
        self._database.execute("COMMIT")

    def pending(self) -> list[int]:
        """Return the ids of the events that are not delivered."""
        return [number for (number,) in self._database.execute("SELECT id FROM pending")]

    def event(self, number: int) -> tuple[str, str]:
        """Return for which function an event is, and what it says."""
        query = "SELECT function, event FROM pending WHERE id = ?"
        return self._database.execute(query, [number]).fetchone()

    def forget(self, numbers: list[int]) -> None:
        """Remember no more that events are to be delivered."""
        rows = [(number,) for number in numbers]
        self._database.executemany("DELETE FROM pending WHERE id = ?", rows)


class EventGrid:
    """Watches the storage and delivers events."""

    def __init__(self, journal: Journal, host: httpx.AsyncClient, key: str) -> None:
        """Prepare to deliver.

        Args:
            journal: Of what was seen and what is to be delivered.
            host: Client of the Functions host.
            key: Of the host's webhook for blobs.
        """
        self._journal = journal
        self._host = host
        self._key = key
        self._subscriptions: list[Subscription] = []
        self._seen = journal.seen()
        self._last: dict[tuple[str, str], Blob] = {}
        self._lost: set[tuple[str, str]] = set()
        self._dice = random.Random(0)  # so that a run can be had again
        self._changes: BlobChanges | None = None

    async def run(self, folder: Path, storage: str) -> None:
        """Subscribe, then watch and deliver, without end.

        Args:
            folder: In which Azurite keeps its files.
            storage: Connection string of the account.
        """
        self._subscriptions = await self._subscribe()
        containers = sorted({each.container for each in self._subscriptions})
        self._changes = BlobChanges(folder, storage, containers)
        begun: set[int] = set()
        async with asyncio.TaskGroup() as deliveries:
            deliveries.create_task(self._watch(self._changes))
            while True:
                new = [number for number in self._journal.pending() if number not in begun]
                begun.update(new)
                for function, numbers in self._batches(new):
                    deliveries.create_task(self._deliver(function, numbers))
                await asyncio.sleep(LOOK_S)

    async def _watch(self, changes: BlobChanges) -> None:
        """Look whenever there may be news, without end."""
        pause_s = LOOK_S
        while True:
            if not changes.may_have_news() or await self.look():
                pause_s = LOOK_S
            else:
                pause_s = min(2 * pause_s, SELDOM_S)
            await asyncio.sleep(pause_s)

    async def look(self) -> bool:
        """Make an event of each version of a blob that was not seen yet; say whether there was."""
        if self._changes is None:
            return False
        found = False
        for blob in await asyncio.to_thread(self._changes.blobs):
            place = (blob.container, blob.name)
            self._last[place] = blob
            if self._seen.get(place) == blob.etag:
                continue
            found = True
            self._seen[place] = blob.etag
            lost = place in self._lost
            self._lost.discard(place)
            self._journal.see(blob, [] if lost else self._events(blob))
        return found

    def pending(self) -> int:
        """Return how many events are not delivered yet."""
        return len(self._journal.pending())

    def lose(self, container: str, name: str) -> None:
        """Let the next event of a blob go astray."""
        self._lost.add((container, name))

    def again(self, container: str, name: str) -> bool:
        """Let a blob's last event come once more; return whether there is such a blob."""
        if blob := self._last.get((container, name)):
            self._journal.see(blob, self._events(blob))
        return blob is not None

    def _events(self, blob: Blob) -> list[tuple[str, str]]:
        """Return for which functions a blob's event is, and what it says."""
        event = json.dumps(_created(blob))
        return [
            (each.function, event)
            for each in self._subscriptions
            if each.container == blob.container
            for _ in range(2 if self._dice.random() < TWICE else 1)
        ]

    def _batches(self, numbers: list[int]) -> list[tuple[str, list[int]]]:
        """Put events together that come together, in no order."""
        self._dice.shuffle(numbers)
        of_function: dict[str, list[int]] = {}
        for number in numbers:
            of_function.setdefault(self._journal.event(number)[0], []).append(number)
        batches: list[tuple[str, list[int]]] = []
        for function, events in of_function.items():
            while events:
                size = self._dice.randint(1, MOST_TOGETHER)
                batches.append((function, events[:size]))
                del events[:size]
        return batches

    async def _deliver(self, function: str, numbers: list[int]) -> None:
        """Deliver a batch, again until it is taken or there is no hope."""
        body = f"[{','.join(self._journal.event(number)[1] for number in numbers)}]"
        for attempt in range(ATTEMPTS):
            answer = await self._ask(function, "Notification", body, attempt)
            if answer and answer.is_success:
                break
            if answer and answer.status_code in HOPELESS:
                logger.error("%s refuses events: %d", function, answer.status_code)
                break
            await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
        self._journal.forget(numbers)

    async def _ask(
        self, function: str, kind: str, body: str, attempt: int = 0
    ) -> httpx.Response | None:
        headers = {
            "content-type": "application/json",
            "aeg-event-type": kind,
            "aeg-subscription-name": function.upper(),
            "aeg-delivery-count": str(attempt),
        }
        where = {"functionName": f"Host.Functions.{function}", "code": self._key}
        try:
            return await self._host.post(WEBHOOK, params=where, headers=headers, content=body)
        except httpx.TransportError:
            return None

    async def _subscribe(self) -> list[Subscription]:
        """Return the subscriptions of the host's functions, once it answers and shook hands."""
        while (found := await self._blob_triggers()) is None:
            await asyncio.sleep(LOOK_S)
        for each in found:
            while not await self._shakes_hands(each.function):
                await asyncio.sleep(RETRY_S[0])
            logger.info("%s hears of %s", each.function, each.container)
        return found

    async def _blob_triggers(self) -> list[Subscription] | None:
        try:
            answer = (await self._host.get("/admin/functions")).raise_for_status()
        except httpx.HTTPError:
            return None
        return [
            Subscription(function["name"], binding["path"].partition("/")[0])
            for function in answer.json()
            for binding in function["config"]["bindings"]
            if binding["type"] == "blobTrigger" and binding.get("source") == "EventGrid"
        ]

    async def _shakes_hands(self, function: str) -> bool:
        code = str(uuid.uuid4())
        kind = "Microsoft.EventGrid.SubscriptionValidationEvent"
        event = _event(kind, "", {"validationCode": code})
        answer = await self._ask(function, "SubscriptionValidation", json.dumps([event]))
        if answer is None or not answer.is_success:
            return False
        return answer.json().get("validationResponse") == code


def _created(blob: Blob) -> dict[str, Any]:
    subject = f"/blobServices/default/containers/{blob.container}/blobs/{blob.name}"
    data = {
        "api": "PutBlob",
        "requestId": str(uuid.uuid4()),
        "eTag": blob.etag,
        "contentType": blob.content_type,
        "contentLength": blob.size,
        "blobType": "BlockBlob",
        "url": blob.url,
        "sequencer": f"{random.getrandbits(128):032X}",
    }
    return _event("Microsoft.Storage.BlobCreated", subject, data)


def _event(kind: str, subject: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "topic": _TOPIC,
        "subject": subject,
        "eventType": kind,
        "id": str(uuid.uuid4()),
        "data": data,
        "dataVersion": "",
        "metadataVersion": "1",
        "eventTime": datetime.now(UTC).isoformat(),
    }


def events_on_their_way(config: Config) -> int:
    """Count the events that no function has dealt with: here, and in the host's queues."""
    here = httpx.get(f"{config.event_grid_url}/pending").raise_for_status().json()["events"]
    with QueueServiceClient.from_connection_string(config.storage) as service:
        names = [queue.name for queue in service.list_queues(name_starts_with=QUEUES)]
        counts = [
            service.get_queue_client(name).get_queue_properties().approximate_message_count
            for name in names
        ]
    return here + sum(count or 0 for count in counts)


def create_app(grid: EventGrid, journal: Journal, folder: Path, storage: str) -> Starlette:
    """Return the application that watches while it is served, and lets tests interfere."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        watching = background.start(grid.run(folder, storage))
        yield
        await background.stop(watching)
        journal.close()

    async def pending(_: Request) -> Response:
        await grid.look()
        return JSONResponse({"events": grid.pending()})

    async def lose(request: Request) -> Response:
        grid.lose(**await request.json())
        return Response(status_code=204)

    async def again(request: Request) -> Response:
        return Response(status_code=204 if grid.again(**await request.json()) else 404)

    routes = [
        Route("/pending", pending, methods=["GET"]),
        Route("/faults/lose", lose, methods=["POST"]),
        Route("/faults/again", again, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


def main() -> None:
    """Watch until asked to end."""
    parser = argparse.ArgumentParser(prog="python -m emulator.event_grid", description=main.__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--storage", required=True, help="connection string of the account")
    parser.add_argument("--folder", type=Path, required=True, help="in which Azurite has its files")
    parser.add_argument("--journal", type=Path, required=True, help="file of what was seen")
    parser.add_argument("--host", required=True, help="URL of the Functions host")
    parser.add_argument("--key", required=True, help="of its webhook for blobs")
    options = parser.parse_args()
    logs.configure()
    host = httpx.AsyncClient(
        base_url=options.host, timeout=TIMEOUT_S, headers={"x-functions-key": options.key}
    )
    journal = Journal(options.journal)
    grid = EventGrid(journal, host, options.key)
    app = create_app(grid, journal, options.folder, options.storage)
    serve(app, options.port)


if __name__ == "__main__":
    main()
