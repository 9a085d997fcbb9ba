"""The app under the real Functions worker library: indexed, and each function invoked once."""

import base64
import json
from collections.abc import Callable, Generator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from durabletask.client import TaskHubGrpcClient
from durabletask.internal import helpers
from durabletask.internal import orchestrator_service_pb2 as pb

from emulator.config import PROJECT_ROOT
from function_app import paths, storage
from function_app.jobs import Job, State
from function_app.triggers import start
from gpu_worker.plan import PREVIEW_NAME
from tests.function_app.hub import Hub, running_hub
from tests.function_app.media import Clips
from tests.function_app.wire import StatusResult, Worker, blob, http, json_text, text

type Upload = Callable[..., Job]

# The worker library itself reads activities' input in a way that azure-functions will drop.
pytestmark = pytest.mark.filterwarnings("ignore:.*expected_type:DeprecationWarning")

HTTP = {
    "get_page": ("GET", ""),
    "get_styles": ("GET", "api/styles"),
    "post_upload": ("POST", "api/uploads"),
    "get_jobs": ("GET", "api/jobs"),
    "get_job": ("GET", "api/jobs/{id}"),
    "post_cancel": ("POST", "api/jobs/{id}/cancel"),
    "get_result": ("GET", "api/jobs/{id}/result"),
    "get_preview": ("GET", "api/jobs/{id}/preview"),
}
ACTIVITIES = {
    "preprocess", "submit", "poll", "cancel", "stitch", "report_failure", "clean_up",
}  # fmt: skip


@pytest.fixture(scope="module")
def worker() -> Worker:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHON_SCRIPT_FILE_NAME", "app.py")
        return Worker(PROJECT_ROOT)


@pytest.fixture(scope="module")
def running() -> Generator[Hub]:
    with running_hub() as running:
        yield running


@pytest.fixture
def hub(running: Hub) -> TaskHubGrpcClient:
    return running.client


@pytest.fixture
def durable(running: Hub) -> Any:
    """The durable client binding, as the extension passes it."""
    return json_text(
        {
            "taskHubName": "test",
            "rpcBaseUrl": f"http://{running.address}",
            "baseUrl": "",
            "httpBaseUrl": "",
            "requiredQueryStringParameters": "",
            "managementUrls": {},
        }
    )


@pytest.fixture
def job(clips: Clips, upload: Upload) -> Job:
    return upload(clips["plain.mp4"], "wire.mp4")


def body(answer: Any) -> Any:
    return json.loads(answer.http.body.bytes)


def test_every_function_is_indexed(worker: Worker) -> None:
    own = {name for name in worker.functions if not name.startswith("BuiltIn__")}
    assert own == {"on_video_uploaded", "reap", "restyle", *HTTP, *ACTIVITIES}


@pytest.mark.parametrize("name", HTTP)
def test_http_functions_have_their_routes(worker: Worker, name: str) -> None:
    (trigger,) = [each for each in worker.bindings(name) if each["type"] == "httpTrigger"]
    assert ((trigger["methods"][0]).upper(), trigger["route"]) == HTTP[name]
    assert trigger["authLevel"].upper() == ("ANONYMOUS" if name == "get_page" else "FUNCTION")


def test_the_blob_trigger_passes_a_reference_alone(worker: Worker) -> None:
    (trigger,) = [
        each for each in worker.bindings("on_video_uploaded") if each["type"] == "blobTrigger"
    ]
    assert (trigger["path"], trigger["connection"]) == ("videos/{style}/{name}", "DATA")
    assert trigger["properties"] == {"SupportsDeferredBinding": True}


def test_an_upload_starts_its_job_once(
    worker: Worker, durable: Any, hub: TaskHubGrpcClient, job: Job
) -> None:
    for _ in range(2):
        worker.call(
            "on_video_uploaded", video=blob("DATA", paths.VIDEOS, job.video.blob), client=durable
        )
    state = hub.get_orchestration_state(job.job_id)
    assert state is not None
    assert state.name == "restyle"
    assert State.from_dict(state.get_input()) == State(job)


def test_an_upload_that_is_gone_starts_nothing(worker: Worker, durable: Any) -> None:
    gone = blob("DATA", paths.VIDEOS, "plain/gone.mp4")
    assert worker.call("on_video_uploaded", video=gone, client=durable) is None


def test_the_orchestrator_asks_for_preprocessing_first(worker: Worker, job: Job) -> None:
    request = pb.OrchestratorRequest(
        instanceId=job.job_id,
        newEvents=[
            helpers.new_orchestrator_started_event(datetime.now(UTC)),
            helpers.new_execution_started_event(
                "restyle", job.job_id, json.dumps(State(job).to_dict())
            ),
        ],
    )
    answer = worker.call(
        "restyle", _durable_input=text(base64.b64encode(request.SerializeToString()).decode())
    )
    response = pb.OrchestratorResponse.FromString(base64.b64decode(answer.string))
    (action,) = [each for each in response.actions if each.HasField("scheduleTask")]
    assert action.scheduleTask.name == "preprocess"
    assert json.loads(action.scheduleTask.input.value) == asdict(job)
    assert json.loads(response.customStatus.value)["stage"] == "preprocess"


def activity(worker: Worker, name: str, payload: Any) -> Any:
    answer = worker.call(name, payload=json_text(payload))
    return json.loads(next(value for key, value in vars(answer).items()))


def test_preprocess_plans_the_video(worker: Worker, job: Job) -> None:
    work = activity(worker, "preprocess", asdict(job))["value"]
    assert (work["source_blob"], work["frames"]) == (job.video.blob, 48)


def test_preprocess_refuses_bad_input_without_an_error(worker: Worker, upload: Upload) -> None:
    job = upload(b"", "empty.mp4")
    assert activity(worker, "preprocess", asdict(job)) == {
        "refused": "empty.mp4 is empty: upload it again"
    }


@pytest.mark.parametrize("name", ["submit", "poll"])
def test_painting_before_planning_is_an_error(worker: Worker, job: Job, name: str) -> None:
    response = worker.invoke(name, payload=json_text(State(job).to_dict()))
    assert response.result.status == StatusResult.Failure
    assert "to be painted before it was planned" in response.result.exception.message


def test_stitching_before_planning_is_an_error(worker: Worker, job: Job) -> None:
    storage.delete_all(paths.JOBS, job.folder.root)
    response = worker.invoke("stitch", payload=json_text(asdict(job)))
    assert response.result.status == StatusResult.Failure
    assert "plan.json is missing" in response.result.exception.message


def test_report_failure_leaves_a_sentence(worker: Worker, job: Job) -> None:
    activity(worker, "report_failure", {"job": asdict(job), "message": "it is a poem"})
    report = json.loads(storage.read(paths.RESULTS, job.video.result(".error.json")) or b"")
    assert report == {"job_id": job.job_id, "video": job.video.blob, "error": "it is a poem"}


def test_clean_up_deletes_the_jobs_folder(worker: Worker, job: Job) -> None:
    storage.write(paths.JOBS, job.folder.plan, "{}", "application/json")
    activity(worker, "clean_up", asdict(job))
    assert list(storage.names(paths.JOBS, job.folder.root)) == []


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
    worker: Worker, durable: Any, hub: TaskHubGrpcClient, upload: Upload
) -> None:
    first, second = upload(b"1", "list one.mp4"), upload(b"2", "two.mp4")
    for job in (first, second):
        start(hub, job)

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
    worker: Worker, durable: Any, hub: TaskHubGrpcClient, upload: Upload
) -> None:
    job = upload(b"3", "stands.mp4")
    start(hub, job)
    request = http("GET", f"/api/jobs/{job.job_id}", id=job.job_id)
    view = body(worker.call("get_job", req=request, client=durable))
    assert view["id"] == job.job_id
    assert (view["style"], view["name"], view["status"]) == ("plain", "stands.mp4", "Pending")
    assert (view["stage"], view["result"], view["error"]) == ("preprocess", None, None)


@pytest.mark.parametrize("name", ["get_job", "post_cancel", "get_result", "get_preview"])
def test_a_job_that_is_not_there_is_not_found(worker: Worker, durable: Any, name: str) -> None:
    request = http(HTTP[name][0], "/api/jobs/none", id="none")
    answer = worker.call(name, req=request, client=durable)
    assert (answer.http.status_code, body(answer)["code"]) == ("404", "no-job")
    assert body(answer)["detail"] == "there is no job 'none'"


def test_post_cancel_accepts_and_refuses_what_has_ended(
    worker: Worker, durable: Any, hub: TaskHubGrpcClient, upload: Upload
) -> None:
    job = upload(b"4", "cancel.mp4")
    start(hub, job)
    request = http("POST", f"/api/jobs/{job.job_id}/cancel", id=job.job_id)
    assert worker.call("post_cancel", req=request, client=durable).http.status_code == "202"
    hub.terminate_orchestration(job.job_id)
    answer = worker.call("post_cancel", req=request, client=durable)
    assert (answer.http.status_code, body(answer)["code"]) == ("409", "job-ended")


def test_get_result_and_get_preview_say_that_there_is_none_yet(
    worker: Worker, durable: Any, hub: TaskHubGrpcClient, upload: Upload
) -> None:
    job = upload(b"5", "early.mp4")
    start(hub, job)
    for name, code in (("get_result", "no-result"), ("get_preview", "no-preview")):
        request = http("GET", f"/api/jobs/{job.job_id}", id=job.job_id)
        answer = worker.call(name, req=request, client=durable)
        assert (answer.http.status_code, body(answer)["code"]) == ("404", code)


def test_get_preview_answers_with_the_latest_frame(
    worker: Worker, durable: Any, hub: TaskHubGrpcClient, upload: Upload
) -> None:
    job = upload(b"6", "preview.mp4")
    start(hub, job)
    storage.write(paths.JOBS, job.folder.output(PREVIEW_NAME), b"picture", "image/jpeg")
    request = http("GET", f"/api/jobs/{job.job_id}/preview", id=job.job_id)
    answer = worker.call("get_preview", req=request, client=durable)
    assert answer.http.body.bytes == b"picture"
    assert answer.http.headers["content-type"].startswith("image/jpeg")
