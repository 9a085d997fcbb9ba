"""Small blobs, what lies below a prefix, and signed URLs, against Azurite."""

from datetime import UTC, datetime, timedelta

import httpx
from azure.storage.blob import BlobSasPermissions

from function_app.store import paths, storage


def test_a_small_blob_is_read_and_listed_as_it_was_written() -> None:
    storage.write(paths.JOBS, "small/a.json", "{}", "application/json")
    storage.write(paths.JOBS, "small/b.json", b"[]", "application/json")
    assert storage.read(paths.JOBS, "small/a.json") == b"{}"
    assert list(storage.names(paths.JOBS, "small/")) == ["small/a.json", "small/b.json"]
    properties = storage.blob(paths.JOBS, "small/a.json").get_blob_properties()
    assert properties.content_settings.content_type == "application/json"


def test_a_small_blob_that_is_not_there_reads_as_none() -> None:
    assert storage.read(paths.JOBS, "small/none.json") is None
    assert storage.read_dated(paths.JOBS, "small/none.json") is None


def test_a_small_blob_tells_when_it_was_written() -> None:
    # Storage tells whole seconds.
    before = datetime.now(UTC).replace(microsecond=0)
    storage.write(paths.JOBS, "small/dated.json", "{}", "application/json")
    found = storage.read_dated(paths.JOBS, "small/dated.json")
    assert found
    content, written = found
    assert content == b"{}"
    assert before <= written <= datetime.now(UTC)


def test_delete_all_deletes_below_the_prefix_alone() -> None:
    for name in ("doomed-1/a", "doomed-1/b/c", "doomed-10/a"):
        storage.write(paths.JOBS, name, b"", "text/plain")
    storage.delete_all(paths.JOBS, "doomed-1/")
    assert list(storage.names(paths.JOBS, "doomed-1")) == ["doomed-10/a"]


def test_signed_url_grants_what_it_says_on_one_blob_alone() -> None:
    client = storage.blob(paths.VIDEOS, "signed/with space & ü.mp4")
    writable = storage.signed_url(
        client, BlobSasPermissions(create=True, write=True), timedelta(minutes=5)
    )
    put = httpx.put(writable, content=b"video", headers={"x-ms-blob-type": "BlockBlob"})
    assert put.status_code == httpx.codes.CREATED
    assert client.download_blob().readall() == b"video"
    assert httpx.get(writable).status_code == httpx.codes.FORBIDDEN
    readable = storage.signed_url(client, BlobSasPermissions(read=True), timedelta(minutes=5))
    assert httpx.get(readable).content == b"video"
    storage.write(paths.VIDEOS, "signed/other.mp4", b"secret", "video/mp4")
    other = storage.blob(paths.VIDEOS, "signed/other.mp4").url
    assert httpx.get(f"{other}?{readable.partition('?')[2]}").status_code == httpx.codes.FORBIDDEN


def test_signed_url_expires() -> None:
    storage.write(paths.VIDEOS, "signed/late.mp4", b"video", "video/mp4")
    client = storage.blob(paths.VIDEOS, "signed/late.mp4")
    url = storage.signed_url(client, BlobSasPermissions(read=True), timedelta(minutes=-1))
    assert httpx.get(url).status_code == httpx.codes.FORBIDDEN
