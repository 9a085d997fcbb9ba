"""Purging on the task hub's engine: what goes, what stays, and what is known of it afterwards."""

import json
from collections.abc import Callable, Generator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from durabletask.client import OrchestrationStatus

from function_app.activities import Grant, Look
from function_app.store import index, paths, storage
from function_app.store.jobs import Job, Work
from function_app.store.results import JOB_ID
from function_app.triggers import start
from function_app.upkeep.purge import purge_old
from tests.function_app.azureml import AzureML, ignores_azure_ml
from tests.function_app.hub import Hub, ended, running_hub, shown
from tests.function_app.wire import Message, Worker, blob, body, durable_client, http, timer

# What reads the state of an instance does so in a way that azure-functions will drop.
pytestmark = pytest.mark.filterwarnings("ignore:.*expected_type:DeprecationWarning")

NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=31)

type Upload = Callable[..., Job]


def refuse(_: object) -> Any:
    return {"refused": "the file is empty: upload a whole one", "code": "empty-video"}


def state_of_painting(name: str) -> str:
    return "Running" if name == "terminated.mp4" else "Completed"


ANSWERS: dict[str, Callable[[Any], Any]] = {
    "preprocess": lambda payload: (
        {"value": asdict(Work(paths.VIDEOS, "plain/x.mp4", 48, 1))}
        if payload["name"] != "bad.mp4"
        else refuse(payload)
    ),
    "take_nodes": lambda _: {"value": asdict(Grant(1))},
    "submit": lambda _: {"value": 0},
    "poll": lambda payload: {"value": asdict(Look(state_of_painting(payload["job"]["name"])))},
    "stitch": lambda _: {"value": ""},
    "clean_up": lambda _: {"value": None},
    "report_failure": lambda _: {"value": None},
}


@pytest.fixture
def hub() -> Generator[Hub]:
    storage.delete(paths.JOBS, paths.PURGED_ON)
    storage.delete_all(paths.JOBS, f"{paths.STARTED}/")
    index.forget()
    with running_hub(ANSWERS) as running:
        yield running
    storage.delete(paths.JOBS, paths.PURGED_ON)


@pytest.fixture
def client(hub: Hub) -> Message:
    return durable_client(hub.address)


@pytest.fixture
def done(hub: Hub, upload: Upload) -> Generator[Job]:
    """A job that is done, with its result."""
    job = upload(b"1", "purged.mp4")
    result = storage.blob(paths.RESULTS, job.video.painted)
    result.upload_blob(b"painted", overwrite=True, metadata={JOB_ID: job.job_id})
    start(hub.client, job)
    ended(hub.client, job)
    yield job
    storage.delete(paths.RESULTS, job.video.painted)


def ask(worker: Worker, name: str, job: Job, client: Message, method: str = "GET") -> Any:
    return worker.call(name, req=http(method, "/", id=job.job_id), client=client).http


def is_in_hub(hub: Hub, job: Job) -> bool:
    return hub.client.get_orchestration_state(job.job_id) is not None


def listed(worker: Worker, client: Message) -> list[str]:
    page = body(worker.call("get_jobs", req=http("GET", "/api/jobs"), client=client))
    return [job["id"] for job in page["jobs"]]


def test_a_job_that_ended_long_ago_leaves_the_hub_and_leads_to_its_result_still(
    worker: Worker, hub: Hub, client: Message, done: Job
) -> None:
    before = ask(worker, "get_job", done, client).body.bytes
    purge_old(hub.client, LATER)
    assert not is_in_hub(hub, done)
    assert ask(worker, "get_job", done, client).body.bytes == before
    assert done.job_id in listed(worker, client)
    link = ask(worker, "get_result", done, client).headers["Location"]
    assert httpx.get(link).content == b"painted"
    assert ask(worker, "post_cancel", done, client, "POST").status_code == "409"


def test_what_fails_says_why_when_it_is_purged_too(
    worker: Worker, hub: Hub, client: Message, upload: Upload
) -> None:
    job = upload(b"2", "bad.mp4")
    start(hub.client, job)
    ended(hub.client, job)
    purge_old(hub.client, LATER)
    assert not is_in_hub(hub, job)
    error = json.loads(ask(worker, "get_job", job, client).body.bytes)["error"]
    assert error["code"] == "empty-video"
    assert error["detail"] == "the file is empty: upload a whole one"


def test_an_event_that_comes_when_its_job_is_purged_starts_nothing(
    worker: Worker, hub: Hub, client: Message, done: Job
) -> None:
    purge_old(hub.client, LATER)
    event = blob("DATA", paths.VIDEOS, done.video.blob)
    worker.call("on_video_uploaded", video=event, client=client)
    assert not is_in_hub(hub, done)


def test_a_purged_job_can_be_deleted(worker: Worker, hub: Hub, client: Message, done: Job) -> None:
    purge_old(hub.client, LATER)
    assert ask(worker, "delete_job", done, client, "DELETE").status_code == "204"
    assert ask(worker, "get_job", done, client).status_code == "404"
    assert done.job_id not in listed(worker, client)
    assert not storage.blob(paths.RESULTS, done.video.painted).exists()
    assert list(storage.names(paths.JOBS, f"{paths.ARCHIVE}/{done.job_id}")) == []


@pytest.mark.parametrize(
    ("days", "now"), [("30", NOW + timedelta(days=29)), ("0", LATER), ("40", LATER)]
)
def test_what_is_not_old_enough_stays(
    hub: Hub, done: Job, configure: Callable[..., None], days: str, now: datetime
) -> None:
    configure(PURGE_AFTER_DAYS=days)
    purge_old(hub.client, now)
    assert is_in_hub(hub, done)


def test_what_has_not_ended_stays_however_old(idle_hub: Hub, upload: Upload) -> None:
    storage.delete(paths.JOBS, paths.PURGED_ON)
    job = upload(b"3", "endless.mp4")
    start(idle_hub.client, job)
    purge_old(idle_hub.client, LATER)
    assert is_in_hub(idle_hub, job)


@ignores_azure_ml
def test_a_terminated_job_stays_until_what_paints_for_it_has_ended(
    azureml: AzureML, worker: Worker, hub: Hub, client: Message, upload: Upload
) -> None:
    del azureml
    job = upload(b"4", "terminated.mp4")
    start(hub.client, job)
    shown(hub.client, job, stage="score")
    hub.client.terminate_orchestration(job.job_id)
    assert ended(hub.client, job).runtime_status == OrchestrationStatus.TERMINATED
    storage.write(paths.JOBS, job.folder.plan, b"{}", "application/json")
    purge_old(hub.client, LATER)
    assert is_in_hub(hub, job)
    worker.call("reap", timer=timer(), client=client)
    assert list(storage.names(paths.JOBS, job.folder.root)) == []
    purge_old(hub.client, LATER + timedelta(days=1))
    assert not is_in_hub(hub, job)


def test_what_was_started_by_hand_is_purged_and_nothing_kept_of_it(hub: Hub) -> None:
    by_hand = hub.client.schedule_new_orchestration("restyle", input={})
    state = hub.client.wait_for_orchestration_completion(by_hand, timeout=60)
    assert state is not None
    assert state.runtime_status == OrchestrationStatus.FAILED
    purge_old(hub.client, LATER)
    assert hub.client.get_orchestration_state(by_hand) is None
    assert list(storage.names(paths.JOBS, f"{paths.ARCHIVE}/{by_hand}")) == []


def test_the_hub_is_looked_through_once_a_day(hub: Hub, done: Job, upload: Upload) -> None:
    purge_old(hub.client, LATER)
    assert not is_in_hub(hub, done)
    another = upload(b"5", "another.mp4")
    start(hub.client, another)
    ended(hub.client, another)
    purge_old(hub.client, LATER)
    assert is_in_hub(hub, another)
    purge_old(hub.client, LATER + timedelta(days=1))
    assert not is_in_hub(hub, another)


@ignores_azure_ml
@pytest.mark.usefixtures("azureml")
def test_the_timer_purges(
    worker: Worker, hub: Hub, client: Message, done: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[datetime] = []
    monkeypatch.setattr("function_app.upkeep.reaper.purge_old", lambda _, now: asked.append(now))
    worker.call("reap", timer=timer(), client=client)
    assert is_in_hub(hub, done)
    assert [now - NOW < timedelta(hours=1) for now in asked] == [True]
