"""Blob triggers: functions that a new or changed blob starts.

The container is listed again and again. A receipt, kept in the storage account, remembers
that a function has dealt with one version of a blob. A function that fails is tried five
times; then a message is put in the queue `webjobs-blobtrigger-poison`. Both are as in Azure:
https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-trigger
"""

import asyncio
import hashlib
import json
import logging
import re
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient, TextBase64EncodePolicy
from azurefunctions.extensions.base import Datum
from azurefunctions.extensions.bindings.blob.blobClientConverter import BlobClientConverter

from emulator import host_json
from emulator.functions import Function, resolve

DELAYS_S = (0.0, 0.2, 0.4, 0.8, 1.6)
"""Seconds before each of the five tries; Azure waits longer."""
POISON_QUEUE = "webjobs-blobtrigger-poison"
RECEIPTS = "azure-webjobs-hosts"
"""Container of the receipts, each below `receipts_of` its function; the same names as in Azure."""
POLL_S = 0.25
"""Seconds between two looks; in Azure, Event Grid tells at once."""
CONCURRENCY = 24
"""Blobs that one function deals with at a time where host.json says nothing; Azure's default."""

_TOKEN = re.compile(r"\\\{\w+\\\}")

logger = logging.getLogger(__name__)


def receipts_of(function: str) -> str:
    """Return the folder, in `RECEIPTS`, of what a function has dealt with."""
    return f"blobreceipts/{function}/"


@dataclass(frozen=True, slots=True)
class BlobVersion:
    """One content of one blob."""

    container: str
    name: str
    etag: str


class BlobTrigger:
    """Watches the container of one function's trigger."""

    def __init__(self, function: Function, root: Path, storage: str, durable_client: str) -> None:
        """Prepare to watch.

        Args:
            function: A function with a blob trigger.
            root: Folder of the app's host.json, which may say how many blobs at a time.
            storage: Connection string of the account for blobs, receipts and poison.
            durable_client: Configuration that durable clients are made from.
        """
        trigger: Any = function.trigger
        path = resolve(trigger.path)
        self._function = function
        self._durable_client = durable_client
        self._connection: str = trigger.connection
        self._pattern = _path_pattern(path)
        service = BlobServiceClient.from_connection_string(storage, retry_total=0)
        self._container = service.get_container_client(path.partition("/")[0])
        self._receipts = _ReceiptBook(service, function.name)
        self._poison = QueueClient.from_connection_string(
            storage, POISON_QUEUE, message_encode_policy=TextBase64EncodePolicy()
        )
        self._taken: set[BlobVersion] = set()
        limits = host_json.extension(root, "blobs")
        self._places = asyncio.Semaphore(limits.get("maxDegreeOfParallelism", CONCURRENCY))

    async def run(self) -> None:
        """Invoke the function for each blob that has no receipt, without end."""
        async with asyncio.TaskGroup() as invocations:
            while True:
                for version in await asyncio.to_thread(self._find):
                    self._taken.add(version)
                    invocations.create_task(self._handle(version))
                await asyncio.sleep(POLL_S)

    def _find(self) -> list[BlobVersion]:
        """Return what came into the container since the last look, the oldest first."""
        container = self._container.container_name
        try:
            blobs = sorted(self._container.list_blobs(), key=attrgetter("last_modified"))
        except AzureError as error:
            logger.warning("Container %s cannot be listed yet: %s", container, error)
            return []
        versions = (
            BlobVersion(container, blob.name, blob.etag)
            for blob in blobs
            if self._pattern.fullmatch(f"{container}/{blob.name}")
        )
        return [version for version in versions if version not in self._taken]

    async def _handle(self, version: BlobVersion) -> None:
        """Invoke the function for one blob; leave a receipt, whatever came of it."""
        try:
            async with self._places:
                if await asyncio.to_thread(self._receipts.has, version):
                    return
                if not await self._invoke(version):
                    await asyncio.to_thread(self._give_up, version)
                await asyncio.to_thread(self._receipts.add, version)
        except AzureError:
            logger.exception("%s will be dealt with again", version)
            self._taken.discard(version)

    async def _invoke(self, version: BlobVersion) -> bool:
        """Try to invoke the function; return whether it succeeded."""
        for number, delay_s in enumerate(DELAYS_S, start=1):
            await asyncio.sleep(delay_s)
            try:
                await self._function.invoke(self._blob_client(version), self._durable_client)
            except Exception:
                name = self._function.name
                logger.exception("Try %d of %s for blob %s failed", number, name, version.name)
            else:
                return True
        return False

    def _blob_client(self, version: BlobVersion) -> object:
        """Bind as the worker does: a reference, which the extension makes a client from."""
        content = {
            "Connection": self._connection,
            "ContainerName": version.container,
            "BlobName": version.name,
        }
        reference = SimpleNamespace(
            version="1.0",
            source="AzureStorageBlobs",
            content_type="application/json",
            content=json.dumps(content),
        )
        return BlobClientConverter.decode(
            Datum(reference, "model_binding_data"),
            trigger_metadata=None,
            pytype=self._function.parameter_type,
        )

    def _give_up(self, version: BlobVersion) -> None:
        """Put a message about the blob in the poison queue."""
        try:
            self._poison.create_queue()
        except ResourceExistsError:
            logger.debug("Queue %s is there", POISON_QUEUE)
        message = {
            "Type": "BlobTrigger",
            "FunctionId": f"Host.Functions.{self._function.name}",
            "BlobType": "BlockBlob",
            "ContainerName": version.container,
            "BlobName": version.name,
            "ETag": version.etag,
        }
        self._poison.send_message(json.dumps(message))


class _ReceiptBook:
    """Which blob versions one function has dealt with: empty blobs in the storage account."""

    def __init__(self, service: BlobServiceClient, function: str) -> None:
        self._container = service.get_container_client(RECEIPTS)
        self._folder = receipts_of(function)

    def has(self, version: BlobVersion) -> bool:
        return self._container.get_blob_client(self._name(version)).exists()

    def add(self, version: BlobVersion) -> None:
        try:
            self._write(version)
        except ResourceNotFoundError:
            self._create_container()
            self._write(version)

    def _write(self, version: BlobVersion) -> None:
        self._container.upload_blob(self._name(version), b"", overwrite=True)

    def _create_container(self) -> None:
        try:
            self._container.create_container()
        except ResourceExistsError:
            logger.debug("Container %s is there", RECEIPTS)  # another blob's receipt came first

    def _name(self, version: BlobVersion) -> str:
        """Name the receipt by a hash, for a blob's name may be as long as a name can be."""
        text = "\n".join((version.container, version.name, version.etag))
        return self._folder + hashlib.sha256(text.encode()).hexdigest()


def _path_pattern(path: str) -> re.Pattern[str]:
    """Turn a trigger's path such as `videos/{style}/{name}` into a pattern.

    Each token stands for one part of the path, the last one for all that follows.
    """
    *heads, last = _TOKEN.split(re.escape(path))
    return re.compile("[^/]+".join(heads) + ".+" + last if heads else last, re.DOTALL)
