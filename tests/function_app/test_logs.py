"""Every line of the app says which job it is about; one says why a job failed."""

import logging
from collections.abc import Callable, Generator

import pytest

from function_app import logs
from function_app.jobs import Job
from function_app.triggers import start
from tests.function_app.hub import ended, running_hub

type Upload = Callable[..., Job]


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
    sentence = "empty.mp4 is empty: upload it again"
    assert reasons == [f"[{job.job_id}] failed (empty-video): {sentence}"]
