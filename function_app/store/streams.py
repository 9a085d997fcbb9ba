"""Big blobs as seekable streams.

A video never lies whole in memory or on disk here: containers are read block by block as the
demuxer asks, and written block by block as the muxer goes on.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections import OrderedDict
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, Any, cast, override

from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobBlock, BlobClient, BlobProperties, ContentSettings

from function_app.errors import Code, InputError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

READ_BLOCK = 4 * 2**20
READ_BLOCKS_KEPT = 4
STREAM_BUFFER = 2**16
WRITE_BLOCK = 8 * 2**20


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


def copy_blob(
    reader: BlobReader, target: BlobClient, metadata: dict[str, str] | None = None
) -> None:
    """Write what a reader reads as another blob, over what was there, in constant memory."""
    # The client takes what one read gives for all there is; the reader gives a block at most.
    content = buffered(reader)
    target.upload_blob(content, length=reader.size, overwrite=True, metadata=metadata)


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
            condition: on what is there before, such as `storage.unchanged`.

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


def _overwrite(buffer: bytearray, start: int, data: memoryview) -> None:
    if len(buffer) < start:
        buffer.extend(bytes(start - len(buffer)))
    buffer[start : start + len(data)] = data


def _gone(client: BlobClient) -> InputError:
    return InputError(
        f"{client.container_name}/{client.blob_name} was replaced or deleted while it was in use: "
        "upload it again",
        Code.REPLACED,
    )
