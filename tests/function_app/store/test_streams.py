"""Reading and writing blobs as streams, against Azurite."""

import io
import os
import tracemalloc
from collections.abc import Callable

import pytest
from azure.core.exceptions import (
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobClient
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st

from function_app.errors import InputError
from function_app.store import storage, streams
from function_app.store.streams import BlobReader, BlobWriter

MIB = 2**20
HEAD = 64

type NewBlob = Callable[[], BlobClient]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a few bytes, so that small contents have many."""
    monkeypatch.setattr(streams, "READ_BLOCK", 10)
    monkeypatch.setattr(streams, "WRITE_BLOCK", 16)


def uploaded(blob: BlobClient, content: bytes) -> BlobClient:
    blob.upload_blob(content, overwrite=True)
    return blob


def content_of(blob: BlobClient) -> bytes:
    return blob.download_blob().readall()


@pytest.mark.usefixtures("small_blocks")
def test_reader_reads_across_blocks(new_blob: NewBlob) -> None:
    content = bytes(range(95))
    reader = BlobReader(uploaded(new_blob(), content))
    assert (reader.size, reader.readable(), reader.seekable()) == (95, True, True)
    assert io.BufferedReader(reader).read() == content


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("size", [0, 10, 95])
def test_a_copy_is_whole_however_many_blocks_it_has(new_blob: NewBlob, size: int) -> None:
    content = bytes(range(size))
    source, target = uploaded(new_blob(), content), new_blob()
    streams.copy_blob(BlobReader(source), target, metadata={"of": "this"})
    assert content_of(target) == content
    assert target.get_blob_properties().metadata == {"of": "this"}


@pytest.mark.usefixtures("small_blocks")
def test_reader_seeks_as_a_file_does(new_blob: NewBlob) -> None:
    content = bytes(range(95))
    client = uploaded(new_blob(), content)
    moves = st.one_of(
        st.tuples(st.integers(0, 120), st.just(os.SEEK_SET)),
        st.tuples(st.integers(0, 120), st.just(os.SEEK_CUR)),
        st.tuples(st.integers(-95, 20), st.just(os.SEEK_END)),
    )

    @given(st.lists(st.tuples(moves, st.integers(0, 30)), max_size=8))
    @trials(max_examples=20)
    def check(steps: list[tuple[tuple[int, int], int]]) -> None:
        file, stream = io.BytesIO(content), io.BufferedReader(BlobReader(client))
        for (offset, whence), length in steps:
            assert stream.seek(offset, whence) == file.seek(offset, whence)
            assert stream.read(length) == file.read(length)
            assert stream.tell() == file.tell()

    check()


def test_reader_holds_few_blocks_in_memory(
    new_blob: NewBlob, monkeypatch: pytest.MonkeyPatch
) -> None:
    size, blocks = 2**18, 64
    monkeypatch.setattr(streams, "READ_BLOCK", size)
    client = uploaded(new_blob(), bytes(blocks * size))
    reader, buffer = BlobReader(client), bytearray(size)
    tracemalloc.start()
    try:
        while reader.readinto(buffer):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The blob client itself holds what it downloads several times over.
    assert peak < blocks * size / 4


@pytest.mark.usefixtures("small_blocks")
def test_reader_keeps_the_blocks_used_last(new_blob: NewBlob) -> None:
    content = bytes(range(100))
    client = uploaded(new_blob(), content)
    reader = BlobReader(client)
    for place in (0, 10, 20, 30, 0, 40):
        reader.seek(place)
        reader.read(1)
    client.delete_blob()
    reader.seek(0)
    assert reader.read(10) == content[:10]
    reader.seek(10)
    with pytest.raises(InputError):
        reader.read(1)


@pytest.mark.usefixtures("small_blocks")
def test_reader_refuses_a_blob_replaced_meanwhile(new_blob: NewBlob) -> None:
    client = uploaded(new_blob(), bytes(100))
    reader = BlobReader(client)
    assert reader.read(5) == bytes(5)
    uploaded(client, bytes([1]) * 100)
    reader.seek(50)
    with pytest.raises(InputError, match="was replaced or deleted while it was in use"):
        reader.read(5)


@pytest.mark.usefixtures("small_blocks")
def test_reader_refuses_a_blob_deleted_meanwhile(new_blob: NewBlob) -> None:
    client = uploaded(new_blob(), bytes(100))
    reader = BlobReader(client)
    client.delete_blob()
    reader.seek(50)
    with pytest.raises(InputError, match="was replaced or deleted"):
        reader.read(5)


def test_reader_refuses_a_blob_that_is_not_there(new_blob: NewBlob) -> None:
    with pytest.raises(InputError, match="upload it again"):
        BlobReader(new_blob())


def test_writer_shows_nothing_before_commit(new_blob: NewBlob) -> None:
    client = new_blob()
    writer = BlobWriter(client, HEAD, "video/mp4")
    writer.write(bytes(HEAD + streams.WRITE_BLOCK + 1))
    with pytest.raises(ResourceNotFoundError):
        client.get_blob_properties()
    writer.commit({"job_id": "job"})
    properties = client.get_blob_properties()
    assert properties.size == HEAD + streams.WRITE_BLOCK + 1
    assert properties.content_settings.content_type == "video/mp4"
    assert properties.metadata["job_id"] == "job"


def test_writer_does_not_replace_what_came_meanwhile(new_blob: NewBlob) -> None:
    client = uploaded(new_blob(), b"before")
    seen = client.get_blob_properties()
    writers = [BlobWriter(client, HEAD, "video/mp4") for _ in range(2)]
    for writer in writers:
        writer.write(b"after")
    writers[0].commit(**storage.unchanged(seen))
    with pytest.raises(ResourceModifiedError):
        writers[1].commit(**storage.unchanged(seen))


def test_writer_does_not_replace_what_was_not_there(new_blob: NewBlob) -> None:
    client = new_blob()
    writer = BlobWriter(client, HEAD, "video/mp4")
    writer.write(b"after")
    uploaded(client, b"meanwhile")
    with pytest.raises(ResourceExistsError):
        writer.commit(**storage.unchanged(None))
    assert content_of(client) == b"meanwhile"


def test_writer_replaces_a_blob_only_when_committed(new_blob: NewBlob) -> None:
    client = uploaded(new_blob(), b"before")
    writer = BlobWriter(client, HEAD, "video/mp4")
    writer.write(b"after")
    assert content_of(client) == b"before"
    writer.commit()
    assert content_of(client) == b"after"


@pytest.mark.usefixtures("small_blocks")
def test_a_draft_shows_what_is_not_committed_yet(new_blob: NewBlob) -> None:
    client, draft = new_blob(), new_blob()
    writer = BlobWriter(client, HEAD, "video/mp4", draft)
    content = bytes(range(200))
    writer.write(content)
    writer.commit_draft()
    assert content_of(draft) == content
    with pytest.raises(ResourceNotFoundError):
        client.get_blob_properties()
    writer.commit()
    assert content_of(client) == content


@pytest.mark.usefixtures("small_blocks")
def test_writer_refuses_to_go_back_behind_the_head(new_blob: NewBlob) -> None:
    writer = BlobWriter(new_blob(), HEAD, "video/mp4")
    writer.write(bytes(HEAD + 40))
    writer.seek(HEAD - 4)
    with pytest.raises(ValueError, match="went back behind the head"):
        writer.write(b"12345678")


@pytest.mark.usefixtures("small_blocks")
def test_writer_writes_what_a_file_would_hold(new_blob: NewBlob) -> None:
    """Appends, and rewrites of the head, in any order and in pieces of any size."""
    client = new_blob()
    append = st.tuples(st.none(), st.binary(min_size=1, max_size=60))
    rewrite = st.tuples(st.integers(0, HEAD - 1), st.binary(min_size=1, max_size=20))

    @given(st.lists(st.one_of(append, rewrite), min_size=1, max_size=12))
    @trials(max_examples=25)
    def check(steps: list[tuple[int | None, bytes]]) -> None:
        file, writer = io.BytesIO(), BlobWriter(client, HEAD, "video/mp4")
        for place, data in steps:
            for stream in (file, writer):
                end = stream.seek(0, os.SEEK_END)
                if place is not None and place <= end:
                    stream.seek(place)
                kept = data if place is None else data[: HEAD - place]
                stream.write(kept)
            assert writer.tell() == file.tell()
        writer.commit()
        assert content_of(client) == file.getvalue()

    check()


def test_writer_holds_few_blocks_in_memory(new_blob: NewBlob) -> None:
    writer = BlobWriter(new_blob(), HEAD, "video/mp4")
    piece = bytes(MIB)
    tracemalloc.start()
    try:
        for _ in range(64):
            writer.write(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * streams.WRITE_BLOCK
