"""The HTTP API, asked through the real Functions worker library."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import httpx
import pytest

from function_app import paths, storage
from function_app.activities import Look
from function_app.jobs import Job, Work
from function_app.triggers import start
from gpu_worker.plan import PREVIEW_NAME
from tests.function_app.hub import Hub, running_hub
from tests.function_app.media import Clips
from tests.function_app.wire import Worker, body, durable_client, http

type Upload = Callable[..., Job]

# What reads the state of an instance does so in a way that azure-functions will drop.
pytestmark = pytest.mark.filterwarnings("ignore:.*expected_type:DeprecationWarning")


@pytest.fixture
def job(clips: Clips, upload: Upload) -> Job:
    return upload(clips["plain.mp4"], "wire.mp4")


def test_get_page_answers_with_the_page(worker: Worker) -> None:
    answer = worker.call("get_page", req=http("GET", "/"))
    assert answer.http.headers["content-type"].startswith("text/html")
    assert b"<html" in answer.http.body.bytes


@pytest.mark.usefixtures("style")
def test_get_styles_lists_the_styles(worker: Worker) -> None:
    answer = worker.call("get_styles", req=http("GET", "/api/styles"))
    assert {"name": "plain"} in body(answer)["styles"]


def test_post_upload_grants_writing_one_blob(worker: Worker) -> None:
    wanted = {"filename": "holiday 1.mp4", "style": "plain", "bytes": 5}
    answer = worker.call("post_upload", req=http("POST", "/api/uploads", wanted))
    assert answer.http.status_code == "201"
    granted = body(answer)
    assert granted["blob"] == "plain/holiday 1.mp4"
    put = httpx.put(granted["url"], content=b"video", headers={"x-ms-blob-type": "BlockBlob"})
    assert put.is_success
    assert storage.read(paths.VIDEOS, granted["blob"]) == b"video"


@pytest.mark.parametrize(
    ("wanted", "status", "detail"),
    [
        (None, "400", "the body must be JSON: {filename, style, bytes}"),
        ([], "400", "the body must be JSON"),
        ({"filename": "a.mp4", "style": "plain"}, "400", "the body must be JSON"),
        ({"filename": "a.mp4", "style": "plain", "bytes": "x"}, "400", "the body must be JSON"),
        ({"filename": "a'.mp4", "style": "plain", "bytes": 1}, "400", "rename the video"),
        ({"filename": "../a.mp4", "style": "plain", "bytes": 1}, "400", "rename the video"),
        ({"filename": "a.mp4", "style": "plain", "bytes": 0}, "413", "a video may have 1 to"),
        ({"filename": "a.mp4", "style": "plain", "bytes": 1 << 50}, "413", "a video may have"),
    ],
)
def test_post_upload_refuses(worker: Worker, wanted: Any, status: str, detail: str) -> None:
    answer = worker.call("post_upload", req=http("POST", "/api/uploads", wanted))
    assert answer.http.status_code == status
    assert answer.http.headers["content-type"].startswith("application/problem+json")
    assert body(answer)["detail"].startswith(detail) or detail in body(answer)["detail"]


def test_get_jobs_lists_and_narrows(
    worker: Worker, durable: Any, idle_hub: Hub, upload: Upload
) -> None:
    first, second = upload(b"1", "list one.mp4"), upload(b"2", "two.mp4")
    for job in (first, second):
        start(idle_hub.client, job)

    def listed(query: str) -> list[str]:
        answer = worker.call("get_jobs", req=http("GET", f"/api/jobs?{query}"), client=durable)
        return [job["id"] for job in body(answer)["jobs"]]

    assert listed("")[:2] == [second.job_id, first.job_id]
    assert listed("top=1") == [second.job_id]
    assert listed("video=plain/two.mp4") == [second.job_id]
    assert first.job_id in listed("status=Pending")
    assert listed("status=Completed") == []


@pytest.mark.parametrize("query", ["status=Painted", "top=0", "top=x", "top=1001"])
def test_get_jobs_refuses(worker: Worker, durable: Any, query: str) -> None:
    request = http("GET", f"/api/jobs?{query}")
    answer = worker.call("get_jobs", req=request, client=durable)
    assert (answer.http.status_code, body(answer)["code"]) == ("400", "bad-request")


def test_get_job_tells_how_a_job_stands(
    worker: Worker, durable: Any, idle_hub: Hub, upload: Upload
) -> None:
    job = upload(b"3", "stands.mp4")
    start(idle_hub.client, job)
    request = http("GET", f"/api/jobs/{job.job_id}", id=job.job_id)
    view = body(worker.call("get_job", req=request, client=durable))
    assert view["id"] == job.job_id
    assert (view["style"], view["name"], view["status"]) == ("plain", "stands.mp4", "Pending")
    assert (view["stage"], view["result"], view["error"]) == ("preprocess", None, None)


@pytest.mark.parametrize("name", ["get_job", "post_cancel", "get_result", "get_preview"])
def test_a_job_that_is_not_there_is_not_found(worker: Worker, durable: Any, name: str) -> None:
    request = http("POST" if name == "post_cancel" else "GET", "/api/jobs/none", id="none")
    answer = worker.call(name, req=request, client=durable)
    assert (answer.http.status_code, body(answer)["code"]) == ("404", "no-job")
    assert body(answer)["detail"] == "there is no job 'none'"


def test_post_cancel_accepts(worker: Worker, durable: Any, idle_hub: Hub, upload: Upload) -> None:
    job = upload(b"4", "cancel.mp4")
    start(idle_hub.client, job)
    request = http("POST", f"/api/jobs/{job.job_id}/cancel", id=job.job_id)
    assert worker.call("post_cancel", req=request, client=durable).http.status_code == "202"


def test_a_job_that_failed_says_why_and_cannot_be_cancelled(worker: Worker, upload: Upload) -> None:
    job = upload(b"", "empty.mp4")
    with running_hub({}) as hub:
        start(hub.client, job)
        hub.client.wait_for_orchestration_completion(job.job_id, timeout=60)
        request, client = http("GET", "/", id=job.job_id), durable_client(hub.address)
        view = body(worker.call("get_job", req=request, client=client))
        refusal = worker.call("post_cancel", req=request, client=client)
    assert (view["status"], view["stage"]) == ("Failed", "failed")
    assert view["error"] == "empty.mp4 is empty: upload it again"
    assert (refusal.http.status_code, body(refusal)["code"]) == ("409", "job-ended")


def test_a_job_that_is_done_leads_to_its_result(worker: Worker, job: Job) -> None:
    work = Work(paths.VIDEOS, job.video.blob, 48, 1)
    answers = {
        "preprocess": asdict(work),
        "submit": 0,
        "poll": asdict(Look("Completed", 48)),
        "stitch": "",
        "clean_up": None,
    }
    storage.write(paths.RESULTS, job.video.result(".mp4"), b"painted", "video/mp4")
    with running_hub({name: answering(value) for name, value in answers.items()}) as hub:
        start(hub.client, job)
        hub.client.wait_for_orchestration_completion(job.job_id, timeout=60)
        request, client = http("GET", "/", id=job.job_id), durable_client(hub.address)
        view = body(worker.call("get_job", req=request, client=client))
        answer = worker.call("get_result", req=request, client=client)
    assert (view["status"], view["result"]) == ("Completed", "plain/wire.mp4")
    assert answer.http.status_code == "302"
    assert httpx.get(answer.http.headers["Location"]).content == b"painted"


def answering(value: Any) -> Callable[[Any], Any]:
    return lambda _: {"value": value}


def test_get_result_and_get_preview_say_that_there_is_none_yet(
    worker: Worker, durable: Any, idle_hub: Hub, upload: Upload
) -> None:
    job = upload(b"5", "early.mp4")
    start(idle_hub.client, job)
    for name, code in (("get_result", "no-result"), ("get_preview", "no-preview")):
        request = http("GET", f"/api/jobs/{job.job_id}", id=job.job_id)
        answer = worker.call(name, req=request, client=durable)
        assert (answer.http.status_code, body(answer)["code"]) == ("404", code)


def test_get_preview_answers_with_the_latest_frame(
    worker: Worker, durable: Any, idle_hub: Hub, upload: Upload
) -> None:
    job = upload(b"6", "preview.mp4")
    start(idle_hub.client, job)
    storage.write(paths.JOBS, job.folder.output(PREVIEW_NAME), b"picture", "image/jpeg")
    request = http("GET", f"/api/jobs/{job.job_id}/preview", id=job.job_id)
    answer = worker.call("get_preview", req=request, client=durable)
    assert answer.http.body.bytes == b"picture"
    assert answer.http.headers["content-type"].startswith("image/jpeg")
