"""Every line of the app says which job it is about; one says why a job failed; few come."""

import json
import logging
from collections.abc import Callable, Generator
from dataclasses import asdict
from typing import Any

import pytest

from function_app.host import logs
from function_app.store import paths, storage
from function_app.store.jobs import Job, State, Work
from function_app.triggers import start
from gpu_worker.plan import Plan
from tests.function_app.azureml import ignores_azure_ml
from tests.function_app.clips import Clips, paint
from tests.function_app.hub import ended, running_hub
from tests.function_app.wire import Message, Worker, blob, http, json_text, timer

type Upload = Callable[..., Job]

# The worker library itself reads activities' input in a way that azure-functions will drop.
pytestmark = pytest.mark.filterwarnings("ignore:.*expected_type:DeprecationWarning")


@pytest.fixture(autouse=True)
def records() -> Generator[None]:
    make = logging.getLogRecordFactory()
    logs.install()
    yield
    logging.setLogRecordFactory(make)


def test_a_line_names_its_job(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("function_app.anywhere")
    with logs.about("clip-0123"):
        log.error("%d%% are gone", 5)
    log.error("no job")
    with_job, without = caplog.records
    assert (with_job.getMessage(), vars(with_job)["job"]) == (
        "[clip-0123] 5% are gone",
        "clip-0123",
    )
    assert (without.getMessage(), vars(without).get("job")) == ("no job", None)


def test_lines_of_libraries_name_the_job_beside_their_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with logs.about("clip-0123"):
        logging.getLogger("azure").error("a request failed")
    (record,) = caplog.records
    assert (record.getMessage(), vars(record)["job"]) == ("a request failed", "clip-0123")


def test_installing_twice_names_the_job_once(caplog: pytest.LogCaptureFixture) -> None:
    logs.install()
    with logs.about("clip-0123"):
        logging.getLogger("function_app.anywhere").error("it is late")
    assert caplog.messages == ["[clip-0123] it is late"]


def test_one_line_says_why_a_job_failed(caplog: pytest.LogCaptureFixture, upload: Upload) -> None:
    job = upload(b"", "empty.mp4")
    with running_hub({}) as hub:
        start(hub.client, job)
        ended(hub.client, job)
    reasons = [line for line in caplog.messages if line.startswith(f"[{job.job_id}] failed")]
    sentence = "empty.mp4 is empty: upload a whole one"
    assert reasons == [f"[{job.job_id}] failed (empty-video): {sentence}"]


@pytest.fixture
def at_info(worker: Worker, caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Logs as on the real worker, whose root logger is at INFO, with the app loaded."""
    assert worker.functions
    caplog.set_level(logging.INFO)
    return caplog


@ignores_azure_ml
@pytest.mark.usefixtures("azureml")
def test_an_app_that_is_idle_logs_nothing(
    worker: Worker, durable: Message, at_info: pytest.LogCaptureFixture
) -> None:
    storage.delete_all(paths.VIDEOS, "")  # what other tests left, none of which was started
    for _ in range(2):
        worker.call("start_missed", timer=timer(), client=durable)
        worker.call("reap", timer=timer(), client=durable)
        at_info.clear()
    worker.call("start_missed", timer=timer(), client=durable)
    worker.call("reap", timer=timer(), client=durable)
    worker.call("get_jobs", req=http("GET", "/api/jobs"), client=durable)
    worker.call("get_styles", req=http("GET", "/api/styles"))
    assert at_info.messages == []


@ignores_azure_ml
@pytest.mark.usefixtures("azureml", "style")
def test_a_job_logs_a_few_lines_that_name_it(
    worker: Worker,
    durable: Message,
    clips: Clips,
    upload: Upload,
    at_info: pytest.LogCaptureFixture,
) -> None:
    job = upload(clips["plain.mp4"], "few lines.mp4")

    def activity(name: str, payload: dict[str, Any]) -> Any:
        answer = worker.call(name, payload=json_text(payload))
        return json.loads(next(iter(vars(answer).values())))["value"]

    video = blob("DATA", paths.VIDEOS, job.blob)
    worker.call("on_video_uploaded", video=video, client=durable)
    work = Work.from_dict(activity("preprocess", asdict(job)))
    state = State(job, work, attempt=1, started="2000-01-01T00:00:00.000000Z")
    activity("take_turn", state.to_dict())
    activity("submit", state.to_dict())
    for _ in range(20):
        activity("poll", state.to_dict())
    plan = Plan.from_json(storage.read(paths.JOBS, job.folder.plan) or b"")
    for shard, content in paint(plan, clips["plain.mp4"]).items():
        storage.write(paths.JOBS, job.folder.shard(shard), content, "video/mp4")
    activity("stitch", asdict(job))
    activity("cancel", asdict(job))
    activity("clean_up", state.to_dict())
    assert {vars(record).get("job") for record in at_info.records} == {job.job_id}
    assert {record.name.partition(".")[0] for record in at_info.records} == {"function_app"}
    assert 4 <= len(at_info.records) <= 10, at_info.messages


def test_errors_of_libraries_are_kept(at_info: pytest.LogCaptureFixture) -> None:
    for name in ("azure.storage.blob", "azure.monitor.opentelemetry.exporter", "durabletask"):
        logging.getLogger(name).error("it failed")
        logging.getLogger(name).info("it went well")
    assert at_info.messages == ["it failed"] * 3
