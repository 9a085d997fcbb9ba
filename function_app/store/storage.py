"""Blob storage: clients, and reading and writing big blobs as seekable streams.

A video never lies whole in memory or on disk here: containers are read block by block as the
demuxer asks, and written block by block as the muxer goes on.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections import OrderedDict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from http import HTTPStatus
from itertools import batched
from typing import IO, TYPE_CHECKING, Any, cast, override
from urllib.parse import quote

from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import (
    BlobBlock,
    BlobClient,
    BlobProperties,
    BlobSasPermissions,
    BlobServiceClient,
    ContainerClient,
    ContentSettings,
    ExponentialRetry,
    generate_blob_sas,
)

from function_app.errors import Code, InputError
from function_app.host.identity import identity
from function_app.settings import Connection, settings
from function_app.store import paths

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

READ_BLOCK = 4 * 2**20
READ_BLOCKS_KEPT = 4
STREAM_BUFFER = 2**16
WRITE_BLOCK = 8 * 2**20
MOST_IN_BATCH = 256


def container(name: str) -> ContainerClient:
    """Return the client of one of the app's containers.

    Raises:
        SettingsError: its account is not set.
    """
    return _account(name).get_container_client(name)


def blob(container_name: str, blob_name: str) -> BlobClient:
    """Return the client of one blob, whether it exists or not."""
    return container(container_name).get_blob_client(blob_name)


def read(container_name: str, blob_name: str) -> bytes | None:
    """Return a small blob's content, or None where there is none."""
    found = read_dated(container_name, blob_name)
    return found and found[0]


def read_dated(container_name: str, blob_name: str) -> tuple[bytes, datetime] | None:
    """Return a small blob's content and when it was written, or None where there is none."""
    try:
        download = blob(container_name, blob_name).download_blob()
        return download.readall(), download.properties.last_modified
    except ResourceNotFoundError:
        return None


def metadata(container_name: str, blob_name: str) -> dict[str, str]:
    """Return what is kept with a blob, nothing where there is none."""
    try:
        return dict(blob(container_name, blob_name).get_blob_properties().metadata)
    except ResourceNotFoundError:
        return {}


def write(
    container_name: str,
    blob_name: str,
    content: bytes | str,
    content_type: str,
    metadata: dict[str, str] | None = None,
) -> None:
    """Write a small blob at once, over what was there."""
    blob(container_name, blob_name).upload_blob(
        content,
        overwrite=True,
        content_settings=ContentSettings(content_type=content_type),
        metadata=metadata,
    )


def copy(reader: BlobReader, target: BlobClient, metadata: dict[str, str] | None = None) -> None:
    """Write what a reader reads as another blob, over what was there, in constant memory."""
    # The client takes what one read gives for all there is; the reader gives a block at most.
    content = buffered(reader)
    target.upload_blob(content, length=reader.size, overwrite=True, metadata=metadata)


def names(container_name: str, prefix: str) -> Iterator[str]:
    """Yield the names of the blobs below a prefix."""
    yield from container(container_name).list_blob_names(name_starts_with=prefix)


def folders(container_name: str) -> Iterator[str]:
    """Yield the names of a container's topmost folders."""
    for item in container(container_name).walk_blobs(delimiter="/"):
        if item.name.endswith("/"):
            yield item.name.rstrip("/")


def delete(container_name: str, blob_name: str) -> None:
    """Delete one blob, with its snapshots; one that is gone already does not matter."""
    try:
        blob(container_name, blob_name).delete_blob(delete_snapshots="include")
    except ResourceNotFoundError:
        return


def delete_all(container_name: str, prefix: str) -> None:
    """Delete the blobs below a prefix; those that are gone already do not matter."""
    for group in batched(names(container_name, prefix), MOST_IN_BATCH):
        answers = container(container_name).delete_blobs(
            *group, delete_snapshots="include", raise_on_any_failure=False
        )
        # What the batch could not delete is tried by itself, which says why it cannot be.
        for name, answer in zip(group, answers, strict=True):
            if answer.status_code not in (HTTPStatus.ACCEPTED, HTTPStatus.NOT_FOUND):
                delete(container_name, name)


def signed_url(
    client: BlobClient,
    permission: BlobSasPermissions,
    lifetime: timedelta,
    save_as: str | None = None,
) -> str:
    """Return a URL that grants a permission on exactly one blob for a while.

    Signed with the account's key where the connection has one (Azurite), else with a user
    delegation key, which the app's identity may ask for.

    Args:
        client: of the blob.
        permission: what the URL may be used for.
        lifetime: how long.
        save_as: file name under which browsers save what they read; None lets them show it.
    """
    start = datetime.now(UTC) - timedelta(minutes=5)
    expiry = datetime.now(UTC) + lifetime
    key = getattr(client.credential, "account_key", None)
    delegation = (
        None if key else _account(client.container_name).get_user_delegation_key(start, expiry)
    )
    token = generate_blob_sas(
        str(client.account_name),
        client.container_name,
        client.blob_name,
        account_key=key,
        user_delegation_key=delegation,
        permission=permission,
        start=start,
        expiry=expiry,
        content_disposition=save_as and f"attachment; filename*=UTF-8''{quote(save_as)}",
    )
    return f"{client.url}?{token}"


class BlobReader(io.RawIOBase):
    """A blob as a seekable binary stream that holds a few blocks in memory.

    Several blocks, since demuxers jump between the places of two tracks that are not interleaved.
    Every read is bound to the version of the blob that was there when the reader was made.

    Args:
        client: of the blob to read.

    Attributes:
        size: in bytes.
        etag: of the version that is read.
        metadata: of the same version.

    Raises:
        InputError: the blob is gone, or another was written over it meanwhile.
    """

    def __init__(self, client: BlobClient) -> None:
        """Read the first block, and with it the blob's size and version."""
        super().__init__()
        self._client = client
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._position = 0
        try:
            properties = self._begin()
        except (ResourceModifiedError, ResourceNotFoundError) as error:
            raise _gone(client) from error
        # The size among the properties is that of the block; "bytes 0-9/95" names the whole.
        self.size = int((properties.content_range or "/0").rpartition("/")[2])
        self.etag = str(properties.etag)
        self.written = properties.last_modified
        self.metadata = dict(properties.metadata)

    def _begin(self) -> BlobProperties:
        try:
            first = self._client.download_blob(0, READ_BLOCK)
        except HttpResponseError as error:
            if error.status_code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
            return self._client.get_blob_properties()  # an empty blob has no first block
        self._blocks[0] = first.readall()
        return first.properties

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def tell(self) -> int:
        return self._position

    @override
    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    @override
    def readinto(self, buffer: WriteableBuffer, /) -> int:
        if self._position >= self.size:
            return 0
        number, start = divmod(self._position, READ_BLOCK)
        target = memoryview(buffer).cast("B")
        part = self._block(number)[start : start + len(target)]
        target[: len(part)] = part
        self._position += len(part)
        return len(part)

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            self._blocks[number] = self._download(number * READ_BLOCK)
            if len(self._blocks) > READ_BLOCKS_KEPT:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return self._blocks[number]

    def _download(self, offset: int) -> bytes:
        length = min(READ_BLOCK, self.size - offset)
        try:
            return self._client.download_blob(
                offset, length, etag=self.etag, match_condition=MatchConditions.IfNotModified
            ).readall()
        except (ResourceModifiedError, ResourceNotFoundError) as error:
            raise _gone(self._client) from error


def buffered(reader: BlobReader) -> IO[bytes]:
    """Return a reader as the stream that a demuxer wants."""
    return cast("IO[bytes]", io.BufferedReader(reader, buffer_size=STREAM_BUFFER))


class BlobWriter:
    """A block blob as a stream whose head can be rewritten and whose rest only grows.

    That is how muxers write: sizes and indices at the front are filled in at the end. Blocks are
    staged as they fill; nothing is visible under the blob's name before `commit`.

    Args:
        client: of the blob to write.
        head_size: bytes from the start that stay in memory and may be rewritten until `commit`.
        content_type: of the blob.
        draft: of another blob, which gets the same bytes and may be looked at before `commit`.
    """

    def __init__(
        self,
        client: BlobClient,
        head_size: int,
        content_type: str,
        draft: BlobClient | None = None,
    ) -> None:
        """Start with an empty head and tail."""
        self._client = client
        self._draft = draft
        self._content_type = content_type
        self._head_size = head_size
        self._head = bytearray()
        self._tail = bytearray()
        self._tail_digest = hashlib.sha256()
        self._staged: list[BlobBlock] = []
        self._staged_bytes = 0
        self._position = 0
        self._is_held = False

    def hold(self) -> None:
        """Keep what is written from now on in memory until `commit`: an index, at the end."""
        self._is_held = True

    def tell(self) -> int:
        """Return the position of the next write."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position of the next write."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._end}[whence]
        self._position = base + offset
        return self._position

    def write(self, data: bytes) -> int:
        """Write at the position.

        Raises:
            ValueError: the position lies in blocks that are staged already.
        """
        view = memoryview(data)
        if in_head := view[: max(0, self._head_size - self._position)]:
            _overwrite(self._head, self._position, in_head)
        if in_tail := view[len(in_head) :]:
            self._head.extend(bytes(self._head_size - len(self._head)))
            start = self._position + len(in_head) - self._head_size - self._staged_bytes
            if start < 0:
                raise ValueError("a muxer went back behind the head that it asked for")
            _overwrite(self._tail, start, in_tail)
        self._position += len(view)
        self._stage_full_blocks()
        return len(view)

    def commit(self, metadata: dict[str, str] | None = None, **condition: Any) -> None:
        """Make the blob visible, whole, at once.

        Args:
            metadata: of the blob, beside its checksums: SHA-256 of the head, `head_bytes` long,
                and of all that follows it.
            condition: on what is there before, such as `unchanged`.

        Raises:
            ResourceModifiedError: the condition does not hold.
        """
        blocks = self._blocks()
        checksums = {
            "head_bytes": str(len(self._head)),
            "head_sha256": hashlib.sha256(self._head).hexdigest(),
            "tail_sha256": self._tail_digest.hexdigest(),
        }
        self._client.commit_block_list(
            blocks,
            content_settings=ContentSettings(content_type=self._content_type),
            metadata={**(metadata or {}), **checksums},
            **condition,
        )

    def commit_draft(self) -> None:
        """Make the draft visible, with all that was written; no more may be written then."""
        if self._draft:
            self._draft.commit_block_list(self._blocks())

    def _blocks(self) -> list[BlobBlock]:
        """Stage what is not yet; return all blocks in order."""
        self._is_held = False
        self._stage_full_blocks()
        if self._tail:
            self._stage(bytes(self._tail))
            self._tail.clear()
        head = self._new_block(len(self._staged))
        self._stage_block(head, bytes(self._head))
        return [head, *self._staged]

    @property
    def _end(self) -> int:
        return len(self._head) + self._staged_bytes + len(self._tail)

    def _stage_full_blocks(self) -> None:
        while len(self._tail) >= WRITE_BLOCK and not self._is_held:
            self._stage(bytes(self._tail[:WRITE_BLOCK]))
            del self._tail[:WRITE_BLOCK]

    def _stage(self, content: bytes) -> None:
        block = self._new_block(len(self._staged))
        self._stage_block(block, content)
        self._tail_digest.update(content)
        self._staged.append(block)
        self._staged_bytes += len(content)

    def _stage_block(self, block: BlobBlock, content: bytes) -> None:
        for client in filter(None, (self._draft, self._client)):
            client.stage_block(block.id, content, validate_content=True)

    @staticmethod
    def _new_block(number: int) -> BlobBlock:
        return BlobBlock(base64.b64encode(f"{number:08d}".encode()).decode())


def unchanged(before: BlobProperties | None) -> dict[str, Any]:
    """Return the condition that a blob is still what it was, or still not there."""
    if before is None:
        return {"match_condition": MatchConditions.IfMissing}
    return {"match_condition": MatchConditions.IfNotModified, "etag": before.etag}


def _overwrite(buffer: bytearray, start: int, data: memoryview) -> None:
    if len(buffer) < start:
        buffer.extend(bytes(start - len(buffer)))
    buffer[start : start + len(data)] = data


@cache
def _service(connection: Connection) -> BlobServiceClient:
    # The library's own waits 15 s before the second try: most troubles of storage are over sooner.
    retry = ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=5)
    if connection.connection_string:
        return BlobServiceClient.from_connection_string(
            connection.connection_string, retry_policy=retry
        )
    return BlobServiceClient(
        connection.blob_service_uri,
        credential=identity(connection.client_id),
        retry_policy=retry,
    )


def _account(container_name: str) -> BlobServiceClient:
    mine = container_name in {paths.JOBS, paths.SPEND}
    return _service(settings().jobs if mine else settings().data)


def _gone(client: BlobClient) -> InputError:
    return InputError(
        f"{client.container_name}/{client.blob_name} was replaced or deleted while it was in use: "
        "upload it again",
        Code.REPLACED,
    )
