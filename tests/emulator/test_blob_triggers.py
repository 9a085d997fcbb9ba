"""Blob triggers on real Azurite: which blobs start the function, how often, and its failures."""

import base64
import json
import uuid
from collections.abc import Callable, Generator

import httpx
import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient

from emulator import Config
from emulator.blob_triggers import POISON_QUEUE

type Notes = Callable[[], list[str]]
type WaitUntil = Callable[[Callable[[], object]], None]


@pytest.fixture
def folder() -> str:
    return uuid.uuid4().hex[:8]


@pytest.fixture
def poison(config: Config) -> Generator[Callable[[], list[dict[str, str]]]]:
    """Return a function that looks into the poison queue."""
    with QueueClient.from_connection_string(config.storage, POISON_QUEUE) as queue:

        def look() -> list[dict[str, str]]:
            try:
                return [
                    json.loads(base64.b64decode(each.content)) for each in queue.peek_messages(32)
                ]
            except ResourceNotFoundError:
                return []  # nothing has been poisoned yet

        yield look


def upload(storage: BlobServiceClient, name: str, content: bytes = b"video", **more: str) -> str:
    """Upload a blob to `videos` and return its ETag, which is its instance's id."""
    blob = storage.get_blob_client("videos", name)
    return blob.upload_blob(content, overwrite=True, metadata=more)["etag"].strip('"')


@pytest.mark.parametrize("name", ["a.mp4", "deep/er/b.mp4", "a b 'ü' \"%2F\" #?&+.mp4"])
def test_a_blob_starts_its_orchestration_whatever_its_name(
    host: httpx.Client, storage: BlobServiceClient, folder: str, name: str, wait_until: WaitUntil
):
    instance = upload(storage, f"{folder}/{name}", b"12345")
    status = f"/runtime/webhooks/durabletask/instances/{instance}"
    wait_until(lambda: host.get(status).status_code == 200)
    assert host.get(status).json()["input"] == {"name": f"{folder}/{name}"}
    assert host.get(status).json()["output"] == {"size": 5, "total": 5}


def test_only_blobs_of_the_pattern_start_the_function(
    storage: BlobServiceClient, host: httpx.Client, folder: str, notes: Notes, wait_until: WaitUntil
):
    upload(storage, f"{folder}.mp4")
    upload(storage, f"{folder}/after.mp4")
    wait_until(lambda: f"arrive {folder}/after.mp4" in notes())
    assert f"arrive {folder}.mp4" not in notes()
    assert host.get("/api/echo/x").is_success


def test_each_version_of_a_blob_starts_the_function_once(
    storage: BlobServiceClient, folder: str, notes: Notes, host: httpx.Client, wait_until: WaitUntil
):
    assert host.get("/api/echo/x").is_success
    arrival = f"arrive {folder}/a.mp4"
    upload(storage, f"{folder}/a.mp4", b"first")
    wait_until(lambda: notes().count(arrival) == 1)
    upload(storage, f"{folder}/a.mp4", b"second")
    wait_until(lambda: notes().count(arrival) == 2)
    upload(storage, f"{folder}/b.mp4")  # by its arrival others would have been seen again
    wait_until(lambda: f"arrive {folder}/b.mp4" in notes())
    assert notes().count(arrival) == 2


def test_blobs_are_dealt_with_in_their_order_as_many_at_a_time_as_host_json_says(
    storage: BlobServiceClient, folder: str, notes: Notes, host: httpx.Client, wait_until: WaitUntil
):
    assert host.get("/api/echo/x").is_success
    names = [f"{folder}/{number:02}.mp4" for number in range(20)]
    for name in names:
        upload(storage, name)
    wait_until(lambda: f"arrived {names[-1]}" in notes())
    wanted = [f"{verb} {name}" for name in names for verb in ("arrive", "arrived")]
    assert [line for line in notes() if line in wanted] == wanted


def test_a_blob_that_fails_five_times_goes_to_the_poison_queue(
    poison: Callable[[], list[dict[str, str]]],
    storage: BlobServiceClient,
    host: httpx.Client,
    folder: str,
    notes: Notes,
    wait_until: WaitUntil,
):
    assert host.get("/api/echo/x").is_success
    etag = upload(storage, f"{folder}/bad.mp4", poison="yes")
    message = {
        "Type": "BlobTrigger",
        "FunctionId": "Host.Functions.arrive",
        "BlobType": "BlockBlob",
        "ContainerName": "videos",
        "BlobName": f"{folder}/bad.mp4",
        "ETag": etag,
    }
    wait_until(lambda: message in poison())
    assert notes().count(f"arrive {folder}/bad.mp4") == 5
