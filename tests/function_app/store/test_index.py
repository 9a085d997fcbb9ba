"""The index of jobs: each there once, the newest first, whoever adds and deletes beside it."""

import time
import uuid
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from function_app.orchestrator import ORCHESTRATOR
from function_app.store import index, paths, storage
from function_app.store.jobs import Job, State
from function_app.triggers import start
from tests.function_app.hub import Hub, ended, running_hub
from tests.function_app.wire import Worker, body, durable_client, http, timer

type Upload = Callable[..., Job]

NOW = datetime.now(UTC)

# What reads the state of an instance does so in a way that azure-functions will drop.
pytestmark = pytest.mark.filterwarnings("ignore:.*expected_type:DeprecationWarning")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Begin with an empty index."""
    monkeypatch.setattr(paths, "STARTED", f"started-{uuid.uuid4().hex}")
    index.forget()
    yield
    storage.delete_all(paths.JOBS, paths.STARTED)
    index.forget()


def job_of(number: int) -> Job:
    return Job.of(f"plain style/clip {number}.mp4", str(number))


def there(**after: Any) -> list[str]:
    return [entry.job_id for entry in index.newest_first(**after)]


def test_an_index_that_nobody_wrote_is_empty() -> None:
    assert there() == []
    assert index.beginning() is None


def test_jobs_stand_by_their_days_the_newest_first() -> None:
    jobs = [job_of(number) for number in range(4)]
    for number, job in enumerate(jobs):
        index.add(job, NOW - timedelta(days=3 - number))
    index.forget()
    assert there() == [job.job_id for job in reversed(jobs)]
    newest, *_, oldest = index.newest_first()
    assert (newest.style, newest.created) == ("plain style", NOW)
    assert index.beginning() == oldest.created == NOW - timedelta(days=3)


def test_what_is_added_later_is_seen_and_an_entry_keeps_its_number() -> None:
    jobs = [job_of(number) for number in range(3)]
    index.add(jobs[0], NOW)
    (first,) = index.newest_first()
    for job in jobs[1:]:
        index.add(job, NOW)
    assert there() == [job.job_id for job in reversed(jobs)]
    middle = next(entry for entry in index.newest_first() if entry.job_id == jobs[1].job_id)
    assert there(day=middle.day, number=middle.number) == [first.job_id]


def test_many_may_add_at_the_same_moment() -> None:
    jobs = [job_of(number) for number in range(24)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda job: index.add(job, NOW), jobs))
    assert sorted(there()) == sorted(job.job_id for job in jobs)


def test_a_job_is_missing_once() -> None:
    for _ in range(2):
        index.add_missing(job_of(1), NOW - timedelta(days=1))
    assert there() == [job_of(1).job_id]


def test_a_job_that_was_added_twice_is_there_once() -> None:
    jobs = [job_of(number) for number in range(3)]
    for number in (0, 1, 0, 2):
        index.add(jobs[number], NOW)
    assert there() == [jobs[2].job_id, jobs[1].job_id, jobs[0].job_id]
    newest, *_ = index.newest_first()
    assert there(day=newest.day, number=newest.number) == [jobs[1].job_id, jobs[0].job_id]


def test_a_day_that_was_begun_and_has_no_line_yet_is_empty() -> None:
    day = storage.blob(paths.JOBS, f"{paths.STARTED}/{NOW:%Y-%m-%d}")
    day.create_append_blob()
    assert there() == []
    index.add(job_of(1), NOW)
    assert there() == [job_of(1).job_id]


@pytest.fixture
def hub() -> Generator[Hub]:
    with running_hub({}) as running:
        yield running


def listed(worker: Worker, hub: Hub, query: str = "") -> tuple[list[str], str | None]:
    request = http("GET", f"/api/jobs?{query}")
    page = body(worker.call("get_jobs", req=request, client=durable_client(hub.address)))
    return [job["id"] for job in page["jobs"]], page["next"]


def listed_all(worker: Worker, hub: Hub) -> list[str]:
    """Ids on all pages: the storage is other tests', too."""
    seen, cursor = listed(worker, hub)
    while cursor:
        more, cursor = listed(worker, hub, f"cursor={cursor}")
        seen += more
    return seen


def test_a_list_goes_on_with_jobs_that_are_older_than_the_index(
    worker: Worker, hub: Hub, upload: Upload
) -> None:
    jobs = [upload(b"", f"index {number}.mp4") for number in range(4)]
    for job in jobs[:2]:
        hub.client.schedule_new_orchestration(
            ORCHESTRATOR, input=State(job).to_dict(), instance_id=job.job_id
        )
    for job in jobs[2:]:
        start(hub.client, job)
    seen, cursor = list[str](), ""
    while cursor is not None:
        page, cursor = listed(worker, hub, f"top=1&cursor={cursor}")
        seen += page
    assert seen == [job.job_id for job in reversed(jobs)]


def test_a_job_that_was_deleted_elsewhere_is_gone_from_the_list(
    worker: Worker, hub: Hub, upload: Upload
) -> None:
    jobs = [upload(b"", f"deleted {number}.mp4") for number in range(2)]
    for job in jobs:
        start(hub.client, job)
        ended(hub.client, job)
    assert listed(worker, hub)[0] == [jobs[1].job_id, jobs[0].job_id]
    hub.client.purge_orchestration(jobs[0].job_id)
    index.remove(jobs[0].job_id)
    assert listed(worker, hub)[0] == [jobs[1].job_id]


def test_a_job_whose_start_was_cut_off_is_listed_after_some_minutes(
    worker: Worker, hub: Hub, upload: Upload, configure: Callable[..., None]
) -> None:
    wait_for_the_next_second()
    looked_until = datetime.now(UTC).replace(microsecond=0).isoformat()
    begun, cut_off = upload(b"", "begun.mp4"), upload(b"", "cut off.mp4")
    start(hub.client, begun)
    hub.client.schedule_new_orchestration(
        ORCHESTRATOR, input=State(cut_off).to_dict(), instance_id=cut_off.job_id
    )
    assert cut_off.job_id not in listed(worker, hub)[0]
    configure(MISSED_AFTER_MINUTES="0.0001")
    # What other tests have uploaded is not looked at.
    storage.write(paths.JOBS, paths.LOOKED_UNTIL, looked_until, "text/plain")
    for _ in range(2):
        wait_for_the_next_second()
        worker.call("start_missed", timer=timer(), client=durable_client(hub.address))
    ids = listed_all(worker, hub)
    assert (ids.count(cut_off.job_id), ids.count(begun.job_id)) == (1, 1)


def wait_for_the_next_second() -> None:
    time.sleep(1.05 - datetime.now(UTC).microsecond / 1e6)
