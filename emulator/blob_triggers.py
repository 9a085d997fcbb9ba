"""Blob triggers: functions that Event Grid's events about blobs start.

    POST /runtime/webhooks/blobs?functionName=Host.Functions.{name}&code={key}

takes events, and puts them in the queue `azure-webjobs-blobtrigger-emulator`, from where they are
taken one by one. A function that fails is tried five times; then the message goes to the queue
`webjobs-blobtrigger-poison`. As in Azure, neither container nor path pattern are compared:
https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-trigger
"""

import asyncio
import json
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from secrets import compare_digest
from typing import Any

from azure.core.exceptions import AzureError, ResourceExistsError
from azure.storage.blob import BlobClient, BlobServiceClient
from azure.storage.queue import (
    QueueClient,
    QueueMessage,
    TextBase64DecodePolicy,
    TextBase64EncodePolicy,
)
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator import host_json
from emulator.functions import Function, FunctionError
from emulator.worker import Message

WEBHOOK = "/runtime/webhooks/blobs"
QUEUES = "azure-webjobs-blobtrigger-"
"""What the names of hosts' queues of events begin with."""
POISON_QUEUE = "webjobs-blobtrigger-poison"
CONCURRENCY = 24
"""Events that are dealt with at a time where host.json says nothing."""
THRESHOLD = 5
"""Tries before an event is poison, where host.json says nothing."""

_PREFIX = "Host.Functions."
_HIDDEN_S = 600
"""Seconds for which a message is nobody else's, also when its host dies."""
_IDLE_S = 5.0
"""Seconds between looks into the queue; what is put there by this host, it looks for at once."""

logger = logging.getLogger(__name__)


class BlobTriggers:
    """All functions with a blob trigger."""

    def __init__(
        self, functions: Iterable[Function], root: Path, durable_client: str, key: str
    ) -> None:
        """Prepare to take events.

        Args:
            functions: All functions of the app.
            root: Folder of the app's host.json, which may say how many blobs at a time.
            durable_client: Configuration that durable clients are made from.
            key: The webhook's, which is `blobs_extension` among the system keys of a real host.

        Raises:
            ValueError: A function wants a container scanned.
        """
        self._functions = {
            _PREFIX + function.name: function
            for function in functions
            if function.trigger_type == "blobTrigger"
        }
        for function in self._functions.values():
            if function.trigger.get("source") != "EventGrid":
                raise ValueError(f"{function.name}: the source of blobs must be EventGrid here.")
        self._durable_client = durable_client
        self._key = key
        limits = host_json.extension(root, "blobs")
        self._places = asyncio.Semaphore(int(limits.get("maxDegreeOfParallelism", CONCURRENCY)))
        self._threshold = int(limits.get("poisonBlobThreshold", THRESHOLD))
        self._queue, self._poison = _queue(f"{QUEUES}emulator"), _queue(POISON_QUEUE)
        self._news = asyncio.Event()

    @property
    def route(self) -> Route:
        """The webhook."""
        return Route(WEBHOOK, self._take, methods=["POST"])

    async def run(self) -> None:
        """Invoke the functions for the events in the queue, without end."""
        async with asyncio.TaskGroup() as invocations:
            while True:
                await self._places.acquire()
                if message := await self._next():
                    invocations.create_task(self._handle(message))
                else:
                    self._places.release()

    async def _take(self, request: Request) -> Response:
        """Answer the handshake, or put events in the queue."""
        code = request.query_params.get("code") or request.headers.get("x-functions-key", "")
        if not compare_digest(code, self._key):
            return Response(status_code=401)
        try:
            events: list[dict[str, Any]] = json.loads(await request.body())
            if request.headers.get("aeg-event-type") == "SubscriptionValidation":
                validation = events[0]["data"]["validationCode"]
                return JSONResponse({"validationResponse": validation})
            messages = [_message(each, request.query_params["functionName"]) for each in events]
        except (ValueError, LookupError, TypeError):
            logger.exception("What came as events cannot be read")
            return Response(status_code=500)
        for message in messages:
            if message["FunctionId"] in self._functions:
                await asyncio.to_thread(_send, self._queue, message)
        self._news.set()
        return Response(status_code=202)

    async def _next(self) -> QueueMessage | None:
        """Return the next message; None after a while without one."""
        self._news.clear()
        try:
            message = await asyncio.to_thread(
                self._queue.receive_message, visibility_timeout=_HIDDEN_S
            )
        except AzureError as error:
            logger.debug("There is no queue yet, or nobody answers: %s", error)
            message = None
        if message is None:
            try:
                await asyncio.wait_for(self._news.wait(), _IDLE_S)
            except TimeoutError:
                return None
        return message

    async def _handle(self, message: QueueMessage) -> None:
        """Deal with one event: it leaves the queue, or is there again at once."""
        try:
            done = await self._invoke(json.loads(message.content))
            if not done and (message.dequeue_count or 0) < self._threshold:
                await asyncio.to_thread(self._queue.update_message, message, visibility_timeout=0)
                return
            if not done:
                await asyncio.to_thread(_send, self._poison, json.loads(message.content))
            await asyncio.to_thread(self._queue.delete_message, message)
        except AzureError as error:
            logger.warning("An event will be dealt with again: %s", error)
        finally:
            self._places.release()

    async def _invoke(self, event: dict[str, str]) -> bool:
        """Try to invoke the function; return whether it succeeded, or there is no blob any more."""
        function = self._functions[event["FunctionId"]]
        connection = function.trigger["connection"]
        try:
            if await asyncio.to_thread(_exists, connection, event):
                await function.invoke(_reference(connection, event), self._durable_client)
        except (AzureError, FunctionError) as error:
            logger.error("%s/%s: %s", event["ContainerName"], event["BlobName"], error)
            return False
        return True


def _queue(name: str) -> QueueClient:
    storage = os.environ["AzureWebJobsStorage"]  # noqa: SIM112 - the name that Azure gives it
    return QueueClient.from_connection_string(
        storage,
        name,
        message_encode_policy=TextBase64EncodePolicy(),
        message_decode_policy=TextBase64DecodePolicy(),
    )


def _send(queue: QueueClient, message: dict[str, str]) -> None:
    try:
        queue.create_queue()
    except ResourceExistsError:
        logger.debug("Queue %s is there", queue.queue_name)
    queue.send_message(json.dumps(message, indent=2))


def _message(event: dict[str, Any], function: str) -> dict[str, str]:
    """Return what the host remembers of an event."""
    blob = BlobClient.from_blob_url(event["data"]["url"])
    return {
        "Type": "BlobTrigger",
        "FunctionId": function,
        "BlobType": event["data"]["blobType"],
        "ContainerName": blob.container_name,
        "BlobName": blob.blob_name,
        "ETag": f'"{event["data"]["eTag"]}"',
    }


def _exists(connection: str, event: dict[str, str]) -> bool:
    with BlobServiceClient.from_connection_string(os.environ[connection]) as service:
        return service.get_blob_client(event["ContainerName"], event["BlobName"]).exists()


def _reference(connection: str, event: dict[str, str]) -> Message:
    """Bind by a reference, which the worker makes a client from."""
    content = {
        "Connection": connection,
        "ContainerName": event["ContainerName"],
        "BlobName": event["BlobName"],
    }
    reference = Message(
        version="1.0",
        source="AzureStorageBlobs",
        content_type="application/json",
        content=json.dumps(content).encode(),
    )
    return Message(model_binding_data=reference)
