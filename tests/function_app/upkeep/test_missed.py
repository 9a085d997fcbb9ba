"""No upload is without a job for long: events that are lost, late, twice, poisoned, misled."""

import base64
import json
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.storage.queue import QueueClient

from emulator.config import Config, free_ports
from function_app import doctor
from function_app.store import paths, poison, storage
from function_app.store.jobs import Job
from function_app.triggers import start
from tests.function_app.hub import Hub, running_hub
from tests.function_app.wire import Worker, blob, body, durable_client, http, timer

type Upload = Callable[..., Job]

# What reads the state of an instance does so in a way that azure-functions will drop.
pytestmark = pytest.mark.filterwarnings("ignore:.*expected_type:DeprecationWarning")


@pytest.fixture(autouse=True)
def looked() -> Generator[Callable[[timedelta], None]]:
    """Look at nothing older than now; return a way to have looked until some other time ago."""

    def until(ago: timedelta) -> None:
        moment = datetime.now(UTC) - ago
        storage.write(paths.JOBS, paths.LOOKED_UNTIL, moment.isoformat(), "text/plain")

    until(timedelta(seconds=2))
    yield until
    storage.delete(paths.JOBS, paths.LOOKED_UNTIL)


@pytest.fixture
def now(configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let uploads be missed that are not a minute old: the clock of the look is ahead."""
    configure(MISSED_AFTER_MINUTES="1")

    class Ahead(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + timedelta(minutes=2)

    monkeypatch.setattr("function_app.upkeep.missed.datetime", Ahead)


@pytest.fixture
def queue(azurite_config: Config) -> Generator[QueueClient]:
    """The queue of poisoned events, empty."""
    with QueueClient.from_connection_string(azurite_config.storage, poison.QUEUE) as client:
        try:
            client.create_queue()
            yield client
        finally:
            client.delete_queue()


def look(worker: Worker, durable: Any) -> None:
    worker.call("start_missed", timer=timer(), client=durable)


def has_job(hub: Hub, job: Job) -> bool:
    return hub.client.get_orchestration_state(job.job_id) is not None


def poisoned(job: Job, **other: str) -> str:
    """Return the message of the host about the upload of a job."""
    told = {
        "Type": "BlobTrigger",
        "FunctionId": "Host.Functions.on_video_uploaded",
        "BlobType": "BlockBlob",
        "ContainerName": job.container,
        "BlobName": job.blob,
        "ETag": job.etag,
    }
    return base64.b64encode(json.dumps(told | other, indent=2).encode()).decode()


@pytest.mark.usefixtures("now")
def test_an_upload_whose_event_was_lost_gets_its_job(
    worker: Worker, durable: Any, idle_hub: Hub, upload: Upload, painting: Job
) -> None:
    video = upload(b"1", "lost event.mp4")
    storage.write(paths.VIDEOS, "in no folder.mp4", b"2", "video/mp4")
    storage.write(paths.STYLES, "notes.txt", b"3", "text/plain")
    look(worker, durable)
    assert has_job(idle_hub, video)
    assert has_job(idle_hub, painting)


@pytest.fixture
def painting() -> Generator[Job]:
    client = storage.blob(paths.STYLES, "missed-painting.jpg")
    etag = client.upload_blob(b"painting", overwrite=True)["etag"]
    yield Job.of_style(client.blob_name, etag)
    client.delete_blob()


def test_an_upload_is_given_some_minutes_for_its_event(
    worker: Worker, durable: Any, idle_hub: Hub, upload: Upload
) -> None:
    job = upload(b"4", "early.mp4")
    look(worker, durable)
    assert not has_job(idle_hub, job)


@pytest.mark.usefixtures("now")
def test_only_what_is_new_is_looked_at(
    worker: Worker, durable: Any, idle_hub: Hub, upload: Upload
) -> None:
    job = upload(b"5", "once.mp4")
    look(worker, durable)
    assert has_job(idle_hub, job)
    with running_hub() as other:
        look(worker, durable_client(other.address))
        assert not has_job(other, job)


@pytest.mark.usefixtures("now")
def test_what_cannot_be_started_is_looked_at_again(
    worker: Worker, durable: Any, idle_hub: Hub, upload: Upload
) -> None:
    job = upload(b"6", "later.mp4")
    (port,) = free_ports(1)
    for client in (durable_client(f"127.0.0.1:{port}"), durable):
        assert not has_job(idle_hub, job)
        look(worker, client)
    assert has_job(idle_hub, job)


@pytest.mark.usefixtures("now")
def test_a_job_that_was_deleted_stays_deleted(
    worker: Worker, durable: Any, idle_hub: Hub, upload: Upload
) -> None:
    job = upload(b"7", "deleted.mp4")
    storage.write(paths.JOBS, paths.deleted(job.job_id), b"", "text/plain")
    look(worker, durable)
    event = blob("DATA", paths.VIDEOS, job.blob)
    worker.call("on_video_uploaded", video=event, client=durable)
    assert not has_job(idle_hub, job)


def test_events_of_another_container_start_nothing(
    worker: Worker, durable: Any, idle_hub: Hub, upload: Upload
) -> None:
    job = upload(b"8", "elsewhere.mp4")
    for container in (paths.RESULTS, paths.STYLES):
        copy = storage.blob(container, job.blob)
        etag = str(copy.upload_blob(b"8", overwrite=True)["etag"])
        event = blob("DATA", container, job.blob)
        worker.call("on_video_uploaded", video=event, client=durable)
        assert not has_job(idle_hub, Job.of(job.blob, etag))
        copy.delete_blob()
    worker.call("on_style_uploaded", upload=blob("DATA", paths.VIDEOS, job.blob), client=durable)
    assert not has_job(idle_hub, job)


def test_a_poisoned_event_is_named_and_its_job_is_started(
    worker: Worker, durable: Any, idle_hub: Hub, upload: Upload, queue: QueueClient
) -> None:
    job = upload(b"9", "poisoned.mp4")
    queue.send_message(poisoned(job))
    assert missed(worker, durable) == [f"videos/{job.blob}"]
    (check,) = [each for each in doctor.CHECKS if each.name == "uploads that failed"]
    (found,) = doctor.examine([check])
    assert (found.state, found.detail) == (
        "wrong",
        f"1 uploads whose event failed: videos/{job.blob}",
    )
    look(worker, durable)
    assert has_job(idle_hub, job)
    assert missed(worker, durable) == []
    assert list(queue.peek_messages()) == []
    (found,) = doctor.examine([check])
    assert (found.state, found.detail) == ("ok", "none")


def missed(worker: Worker, durable: Any) -> list[str]:
    poison._peeked.cache_clear()  # pyright: ignore[reportPrivateUsage]
    page = body(worker.call("get_jobs", req=http("GET", "/api/jobs?top=1"), client=durable))
    return [each["upload"] for each in page["missed"]]


def test_a_poisoned_event_of_what_is_gone_is_settled(
    worker: Worker, durable: Any, idle_hub: Hub, upload: Upload, queue: QueueClient
) -> None:
    older = upload(b"10", "replaced.mp4")
    upload(b"11", "replaced.mp4")
    queue.send_message(poisoned(older))
    queue.send_message(poisoned(older, ContainerName="elsewhere"))
    look(worker, durable)
    assert not has_job(idle_hub, older)
    assert list(queue.peek_messages()) == []


@pytest.mark.parametrize("text", ["no base64", "bm8gSlNPTg==", "W10=", "e30="])
def test_a_message_that_is_no_event_stays_and_breaks_nothing(
    worker: Worker, durable: Any, queue: QueueClient, text: str
) -> None:
    queue.send_message(text)
    look(worker, durable)
    assert missed(worker, durable) == []
    assert queue.get_queue_properties().approximate_message_count == 1


def test_a_poisoned_event_waits_until_its_job_can_be_started(
    worker: Worker, upload: Upload, queue: QueueClient
) -> None:
    queue.send_message(poisoned(upload(b"12", "patient.mp4")))
    (port,) = free_ports(1)
    look(worker, durable_client(f"127.0.0.1:{port}"))
    assert queue.get_queue_properties().approximate_message_count == 1


def test_events_come_in_any_number(
    worker: Worker, durable: Any, idle_hub: Hub, upload: Upload
) -> None:
    job = upload(b"13", "many.mp4")
    assert start(idle_hub.client, job)
    for _ in range(3):
        worker.call("on_video_uploaded", video=blob("DATA", paths.VIDEOS, job.blob), client=durable)
    assert not start(idle_hub.client, job)
