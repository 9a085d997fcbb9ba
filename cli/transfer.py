"""Files on their way to and from blob storage.

An upload goes block by block, several at once, and a list of them makes the blob appear, whole. A
block's name says where it belongs and what is in it, so an upload that broke off goes on where it
stopped: storage tells which blocks it has, for a week.
https://learn.microsoft.com/rest/api/storageservices/put-block-list
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobBlock, BlobClient

from cli.errors import RefusedError, UnreachableError

BLOCK = 8 * 2**20
MOST_BLOCKS = 50_000
LANES = 4

type Progress = Callable[[int], object]
"""Called with the bytes that have arrived since the last call, from any thread."""


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


def upload(file: Path, url: str, headers: Mapping[str, str], progress: Progress) -> None:
    """Write a file to a blob.

    Args:
        file: to upload.
        url: that may write the blob and list its blocks.
        headers: to send with the list of blocks.
        progress: told of the blocks that storage has.

    Raises:
        RefusedError: another upload has replaced the blob meanwhile.
        UnreachableError: storage does not answer; the next upload of the file goes on from here.
    """
    with BlobClient.from_blob_url(url) as blob, _answering(file.name):
        there = _blocks_there(blob)

        def send(part: _Part) -> BlobBlock:
            content = part.read(file)
            block = part.block(content)
            if there.get(block.id) != part.size:
                blob.stage_block(block.id, content, validate_content=True)
            progress(part.size)
            return block

        with ThreadPoolExecutor(LANES) as lanes:
            blocks = list(lanes.map(send, _parts(file.stat().st_size)))
        with_type = {each: value for each, value in headers.items() if each != "x-ms-blob-type"}
        blob.commit_block_list(blocks, headers=with_type)


def download(url: str, file: Path, progress: Progress) -> None:
    """Write a blob to a file; it appears under its name once it is whole.

    Raises:
        UnreachableError: storage does not answer.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.part")
    with BlobClient.from_blob_url(url) as blob, _answering(file.name):
        content = blob.download_blob()
        with part.open("wb") as target:
            for chunk in content.chunks():
                target.write(chunk)
                progress(len(chunk))
    part.replace(file)


def md5_of(file: Path) -> str:
    """Return the MD5 of a file's content as HTTP has it, in base64."""
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False))
    return base64.b64encode(digest.digest()).decode()


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


@contextmanager
def _answering(name: str) -> Generator[None]:
    try:
        yield
    except (ResourceExistsError, ResourceModifiedError) as error:
        message = f"{name} was uploaded by someone else meanwhile: follow their job"
        raise RefusedError(message) from error
    except HttpResponseError as error:
        message = f"the storage refuses {name} ({error.status_code}): try again"
        raise UnreachableError(message) from error
    except AzureError as error:
        message = f"the storage does not answer for {name}: try again"
        raise UnreachableError(message) from error
