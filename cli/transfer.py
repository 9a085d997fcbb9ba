"""Files on their way to and from blob storage.

An upload goes block by block, several at once, and a list of them makes the blob appear, whole. A
block's name says where it belongs and what is in it, so an upload that broke off goes on where it
stopped: storage tells which blocks it has, for a week. What passes by itself is waited out, and a
URL that has expired is asked for anew.
https://learn.microsoft.com/rest/api/storageservices/put-block-list
"""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Self

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import BlobBlock, BlobClient, ExponentialRetry

from cli import names
from cli.display import say
from cli.errors import ChangedError, RefusedError, UnreachableError
from cli.network import session
from cli.patience import Passing, Patience

BLOCK = 8 * 2**20
MOST_BLOCKS = 50_000
LANES = 4
META = "x-ms-meta-"
SOON_S = 60.0
"""Seconds in which no URL expires that was just signed."""

type Progress = Callable[[int], object]
"""Called with the bytes that have arrived since the last call, from any thread."""

type Renew = Callable[[], str]
"""Asks for a URL anew, for the same blob."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a file was when it was chosen: its size in bytes, when it was last written."""

    size: int
    written_ns: int

    @classmethod
    def of(cls, file: Path) -> Self:
        """Look at a file."""
        found = file.stat()
        return cls(found.st_size, found.st_mtime_ns)

    def check(self, file: Path) -> None:
        """Refuse a file that is no longer what it was.

        Raises:
            ChangedError: it is not.
        """
        if Stamp.of(file) != self:
            raise ChangedError(
                f"{names.shown(file)} changed since it was chosen: "
                "upload it again once nothing writes to it any more"
            )


@dataclass(frozen=True, slots=True)
class _Part:
    """One block of a file: its place in the list, and its place in the file in bytes."""

    index: int
    start: int
    size: int

    def read(self, file: Path) -> bytes:
        with file.open("rb") as content:
            content.seek(self.start)
            return content.read(self.size)

    def block(self, content: bytes) -> BlobBlock:
        """Name the block by its place and by its content; all names must be equally long."""
        name = f"{self.index:05d}-{hashlib.sha256(content).hexdigest()[:32]}"
        return BlobBlock(name)


def upload(
    file: Path,
    url: str,
    headers: Mapping[str, str],
    progress: Progress,
    *,
    stamp: Stamp | None = None,
    renew: Renew | None = None,
    patience: Patience | None = None,
) -> None:
    """Write a file to a blob.

    Args:
        file: to upload.
        url: that may write the blob and list its blocks.
        headers: to send with the list of blocks.
        progress: told of the blocks that storage has.
        stamp: what the file was when it was chosen; by default what it is now.
        renew: asks for the URL anew once it has expired; None where that cannot be.
        patience: with storage that does not answer.

    Raises:
        ChangedError: the file is not what it was; no blob appears.
        RefusedError: another upload has replaced the blob meanwhile.
        UnreachableError: storage does not answer; the next upload of the file goes on from here.
    """
    stamp = stamp or Stamp.of(file)
    blob = _Blob(names.shown(file), url, renew, patience)
    there = blob.do(_blocks_there)

    def send(part: _Part) -> BlobBlock:
        content = part.read(file)
        stamp.check(file)
        block = part.block(content)
        if there.get(block.id) != part.size:
            blob.do(lambda client: client.stage_block(block.id, content, validate_content=True))
        progress(part.size)
        return block

    with ThreadPoolExecutor(LANES) as lanes:
        blocks = list(lanes.map(send, _parts(stamp.size)))
    stamp.check(file)
    with_type = {each: value for each, value in headers.items() if each != "x-ms-blob-type"}

    def commit(client: BlobClient) -> None:
        try:
            client.commit_block_list(blocks, headers=with_type)
        except (ResourceExistsError, ResourceModifiedError):
            # An earlier try may have succeeded, and its answer been lost.
            if not _holds(client, headers):
                raise

    blob.do(commit)


def download(
    url: str,
    file: Path,
    progress: Progress,
    *,
    overwrite: bool = False,
    renew: Renew | None = None,
    patience: Patience | None = None,
) -> Path:
    """Write a blob to a file, which appears once it is whole.

    Args:
        url: that reads the blob.
        file: to write. Where there is another file of that name already, a number is added.
        progress: told of the bytes that have come.
        overwrite: takes the place of what is there instead.
        renew: asks for the URL anew once it has expired; None where that cannot be.
        patience: with storage that does not answer.

    Returns:
        The file that was written, or that holds the same already.

    Raises:
        UnreachableError: storage does not answer.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    blob = _Blob(names.shown(file), url, renew, patience)
    with NamedTemporaryFile(dir=file.parent, prefix=".", suffix=".part", delete=False) as target:
        part = Path(target.name)
        try:

            def fetch(client: BlobClient) -> None:
                start = target.tell()
                content = client.download_blob(offset=start or None)
                for chunk in content.chunks():
                    target.write(chunk)
                    progress(len(chunk))

            blob.do(fetch)
            target.close()
            return names.place(part, file, overwrite=overwrite)
        finally:
            part.unlink(missing_ok=True)


def md5_of(file: Path) -> str:
    """Return the MD5 of a file's content as HTTP has it, in base64."""
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False))
    return base64.b64encode(digest.digest()).decode()


class _Blob:
    """One blob, by URLs that expire and a network that comes and goes."""

    def __init__(self, name: str, url: str, renew: Renew | None, patience: Patience | None) -> None:
        self._name = name
        self._renew = renew
        self._patience = patience or Patience(say)
        self._lock = threading.Lock()
        self._client, self._signed = _client(url), -SOON_S

    def do[T](self, deed: Callable[[BlobClient], T]) -> T:
        """Do something with the blob, as often as it takes."""
        return self._patience.through(lambda: self._once(deed))

    def _once[T](self, deed: Callable[[BlobClient], T]) -> T:
        client = self._client
        try:
            return deed(client)
        except (ResourceExistsError, ResourceModifiedError) as error:
            message = f"{self._name} was uploaded by someone else meanwhile: follow their job"
            raise RefusedError(message) from error
        except HttpResponseError as error:
            raise self._answered(client, error) from error
        except AzureError as error:
            raise Passing(f"the storage does not answer for {self._name}") from error

    def _answered(self, client: BlobClient, error: HttpResponseError) -> Exception:
        """Tell what an answer means that is no success."""
        status = error.status_code or 0
        said = f"the storage refuses {self._name} ({status})"
        if status == HTTPStatus.FORBIDDEN and self._renew and self._sign_anew(client):
            return Passing("the leave to use the storage has expired")
        if status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS} or status >= 500:
            return Passing(said)
        return UnreachableError(f"{said}: try again")

    def _sign_anew(self, client: BlobClient) -> bool:
        """Take another URL for one that is refused; return whether there is another."""
        assert self._renew is not None
        with self._lock:
            if self._client is client:
                if time.monotonic() - self._signed < SOON_S:
                    return False  # it is not for its age that it is refused
                self._client, self._signed = _client(self._renew()), time.monotonic()
            return True


def _client(url: str) -> BlobClient:
    quickly = ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=1)
    transport = RequestsTransport(session=session())
    return BlobClient.from_blob_url(url, retry_policy=quickly, transport=transport)


def _parts(size: int) -> list[_Part]:
    step = max(BLOCK, -(-size // MOST_BLOCKS))
    starts = enumerate(range(0, size, step))
    return [_Part(index, start, min(step, size - start)) for index, start in starts]


def _blocks_there(blob: BlobClient) -> dict[str, int]:
    """Return the sizes of the blocks that an upload before this one left, by name."""
    try:
        _, uncommitted = blob.get_block_list("uncommitted")
    except ResourceNotFoundError:
        return {}
    return {block.id: block.size for block in uncommitted}


def _holds(blob: BlobClient, headers: Mapping[str, str]) -> bool:
    """Whether a blob is what those headers would make it: of their MD5, with their metadata."""
    there = blob.get_blob_properties()
    md5 = base64.b64encode(there.content_settings.content_md5 or b"").decode()
    said = {each.removeprefix(META): headers[each] for each in headers if each.startswith(META)}
    return md5 == headers.get("x-ms-blob-content-md5") and said == there.metadata
