"""What comes into the blobs of Azurite, which tells nobody by itself.

Listing containers again and again would keep Azurite busy while nothing happens. So its files are
looked at first: a blob's bytes are appended to one of them at once, and its index is written within
`SETTLED_S` of any change.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azure.core.exceptions import AzureError
from azure.storage.blob import BlobServiceClient

SETTLED_S = 6.0
"""Seconds after the last change of a file until which there may be news."""


@dataclass(frozen=True, slots=True)
class Blob:
    """One version of one blob.

    Attributes:
        container: Its container.
        name: Its name.
        etag: Of the version, without quotes.
        size: In bytes.
        content_type: As the uploader said.
        url: Without a signature.
    """

    container: str
    name: str
    etag: str
    size: int
    content_type: str
    url: str


class BlobChanges:
    """Looks at some containers."""

    def __init__(
        self,
        folder: Path,
        storage: str,
        containers: Iterable[str],
        settled_s: float = SETTLED_S,
    ) -> None:
        """Prepare to look.

        Args:
            folder: In which Azurite keeps its files.
            storage: Connection string of the account.
            containers: To look at.
            settled_s: Seconds after the last change of a file until which there may be news.
        """
        self._folder = folder
        self._containers = list(containers)
        self._service = BlobServiceClient.from_connection_string(storage, retry_total=0)
        self._settled_s = settled_s
        self._stamp: object = None
        self._changed = 0.0

    def may_have_news(self) -> bool:
        """Say whether a look is worth while; cheap."""
        stamp = [(file.stat().st_mtime_ns, file.stat().st_size) for file in self._files()]
        if stamp != self._stamp:
            self._stamp, self._changed = stamp, time.monotonic()
        return time.monotonic() < self._changed + self._settled_s

    def blobs(self) -> list[Blob]:
        """Return every blob that there is; nothing while Azurite does not answer."""
        try:
            return [blob for name in self._containers for blob in self._of(name)]
        except AzureError:
            return []

    def _files(self) -> Iterator[Path]:
        yield from self._folder.glob("__azurite_db_blob*")
        yield from self._folder.glob("__blobstorage__/*")

    def _of(self, container: str) -> Iterator[Blob]:
        client = self._service.get_container_client(container)
        for blob in client.list_blobs():
            settings: Any = blob.content_settings
            yield Blob(
                container,
                blob.name,
                blob.etag.strip('"'),
                blob.size,
                settings.content_type or "application/octet-stream",
                client.get_blob_client(blob.name).url,
            )
