"""Blob triggers on real Azurite: which blobs start the function, how often, and its failures."""

import base64
import json
import uuid
from collections.abc import Callable, Generator
from itertools import batched
from typing import Any

import httpx
import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient

from emulator import Config, Emulator
from emulator.blob_triggers import POISON_QUEUE, WEBHOOK

INSTANCES = "/runtime/webhooks/durabletask/instances"

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
    status = f"{INSTANCES}/{instance}"
    wait_until(lambda: host.get(status).status_code == 200)
    assert host.get(status).json()["input"] == {"name": f"{folder}/{name}"}
    assert host.get(status).json()["output"] == {"size": 5, "total": 5}


def test_each_version_of_a_blob_starts_the_function(
    storage: BlobServiceClient, folder: str, host: httpx.Client, wait_until: WaitUntil
):
    first = upload(storage, f"{folder}/a.mp4", b"first")
    wait_until(lambda: host.get(f"{INSTANCES}/{first}").status_code == 200)
    second = upload(storage, f"{folder}/a.mp4", b"second")
    wait_until(lambda: host.get(f"{INSTANCES}/{second}").status_code == 200)


def test_as_many_are_dealt_with_at_a_time_as_host_json_says(
    storage: BlobServiceClient, folder: str, notes: Notes, wait_until: WaitUntil
):
    names = [f"{folder}/{number:02}.mp4" for number in range(20)]
    for name in names:
        upload(storage, name)
    wait_until(lambda: {f"arrived {name}" for name in names} <= set(notes()))
    lines = [line.split() for line in notes() if folder in line and line.startswith("arrive")]
    for (begun, name), (done, same) in batched(lines, 2, strict=True):
        assert (begun, done, name) == ("arrive", "arrived", same)


def created(storage: BlobServiceClient, name: str, container: str = "videos") -> dict[str, Any]:
    url = storage.get_blob_client(container, name).url
    return {"data": {"url": url, "eTag": "0x1", "blobType": "BlockBlob"}}


@pytest.fixture
def post(services: Emulator, host: httpx.Client) -> Callable[..., httpx.Response]:
    """Post to the webhook as Event Grid does."""

    def post_it(events: Any, kind: str = "Notification", **query: str) -> httpx.Response:
        where = {"functionName": "Host.Functions.arrive", "code": services.config.webhook_key}
        content = events if isinstance(events, bytes) else json.dumps(events)
        headers = {"aeg-event-type": kind}
        return host.post(WEBHOOK, params=where | query, content=content, headers=headers)

    return post_it


def test_the_webhook_shakes_hands(post: Callable[..., httpx.Response]):
    answer = post([{"data": {"validationCode": "c"}}], "SubscriptionValidation")
    assert (answer.status_code, answer.json()) == (200, {"validationResponse": "c"})


def test_events_need_the_key(post: Callable[..., httpx.Response]):
    assert post([], code="wrong").status_code == 401
    assert post([], "SubscriptionValidation", code="").status_code == 401


@pytest.mark.parametrize("garbage", [b"", b"{", b"[{}]", b"7"])
def test_what_is_no_event_is_refused(post: Callable[..., httpx.Response], garbage: bytes):
    assert post(garbage).status_code == 500


def test_an_event_of_any_container_or_function_is_taken_and_of_a_blob_that_is_gone(
    post: Callable[..., httpx.Response],
    storage: BlobServiceClient,
    folder: str,
    notes: Notes,
    wait_until: WaitUntil,
):
    name = f"{folder}.txt"
    storage.get_blob_client("results", name).upload_blob(b"", metadata={"poison": "yes"})
    gone, there = created(storage, f"{folder}/gone"), created(storage, name, "results")
    assert post([there], functionName="Host.Functions.absent").status_code == 202
    assert post([gone, there]).status_code == 202
    wait_until(lambda: notes().count(f"arrive {name}") == 5)
    assert f"arrive {folder}/gone" not in notes()


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
        "ETag": f'"{etag}"',
    }
    wait_until(lambda: message in poison())
    # An event may come twice, and its second round of tries still be under way.
    tried = f"arrive {folder}/bad.mp4"
    wait_until(lambda: notes().count(tried) == 5 * poison().count(message))
