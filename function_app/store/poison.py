"""Poisoned events: those of uploads that the Functions host gave up, for they failed five times.

It puts them into a queue of the data account, which nothing else reads.
https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-trigger
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from time import monotonic
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient, QueueMessage

from function_app.host.identity import identity
from function_app.settings import Connection, settings

QUEUE = "webjobs-blobtrigger-poison"
MOST = 32
"""Messages that the queue hands out at once."""
HIDDEN_SECONDS = 60
REMEMBERED_SECONDS = 5

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """What a poisoned event says: which version of which blob it was about."""

    container: str
    blob: str
    etag: str

    @classmethod
    def read(cls, message: QueueMessage) -> Event:
        """Read a message of the queue: JSON in base64.

        Raises:
            ValueError: it is no such message.
        """
        try:
            told: dict[str, Any] = json.loads(base64.b64decode(message.content))
            return cls(told["ContainerName"], told["BlobName"], told["ETag"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"no event of a blob trigger: {message.content!r}") from error


def is_known() -> bool:
    """Whether the settings say where the queue is."""
    return _queue(settings().data) is not None


def peek() -> list[Event]:
    """Return the first events in the queue, and leave them there."""
    queue = _queue(settings().data)
    if queue is None:
        return []
    try:
        return [event for _, event in _readable(queue.peek_messages(MOST))]
    except ResourceNotFoundError:
        return []


def peeked() -> list[Event]:
    """Return what `peek` did lately, for those who ask often."""
    return list(_peeked(int(monotonic() // REMEMBERED_SECONDS)))


@lru_cache(1)
def _peeked(moment: int) -> tuple[Event, ...]:
    del moment  # a part of what is remembered, no more
    return tuple(peek())


def take() -> Iterator[tuple[QueueMessage, Event]]:
    """Yield events; each comes back after a while unless it is settled."""
    queue = _queue(settings().data)
    if queue is None:
        return
    try:
        messages = queue.receive_messages(visibility_timeout=HIDDEN_SECONDS, max_messages=MOST)
        yield from _readable(messages)
    except ResourceNotFoundError:
        return  # the queue comes with the first event


def settle(message: QueueMessage) -> None:
    """Remove an event from the queue."""
    queue = _queue(settings().data)
    if queue is not None:
        queue.delete_message(message)


def _readable(messages: Iterable[QueueMessage]) -> Iterator[tuple[QueueMessage, Event]]:
    for message in messages:
        try:
            yield message, Event.read(message)
        except ValueError as error:
            log.warning("the queue %s holds %s", QUEUE, error)


@cache
def _queue(connection: Connection) -> QueueClient | None:
    if connection.connection_string:
        return QueueClient.from_connection_string(connection.connection_string, QUEUE)
    if not connection.queue_service_uri:
        return None
    credential = identity(connection.client_id)
    return QueueClient(connection.queue_service_uri, QUEUE, credential=credential)
