"""The app under the real Functions worker library: indexed, and each function invoked once."""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pytest
from durabletask.internal import helpers
from durabletask.internal import orchestrator_service_pb2 as pb

from emulator.config import PROJECT_ROOT
from function_app.settings import settings
from function_app.store import paths, storage
from function_app.store.jobs import Job, State, Terms, Work
from function_app.triggers import start
from gpu_worker.plan import SEAL_BYTES, Plan, Progress
from tests.function_app.azureml import AzureML, ignores_azure_ml
from tests.function_app.clips import Clips, paint
from tests.function_app.hub import Hub
from tests.function_app.wire import StatusResult, Worker, blob, json_text, text, timer

type Upload = Callable[..., Job]

# The worker library itself reads activities' input in a way that azure-functions will drop.
pytestmark = pytest.mark.filterwarnings("ignore:.*expected_type:DeprecationWarning")

OPEN = {"get_page", "get_asset"}
UNKNOWN = "unknown_route"
HTTP = {
    "get_page": ("GET", "{nothing:maxlength(0)?}"),
    "get_asset": ("GET", "assets/{file}"),
    "get_openapi": ("GET", "api/openapi.json"),
    "get_styles": ("GET", "api/styles"),
    "post_style": ("POST", "api/styles"),
    "delete_style": ("DELETE", "api/styles/{name}"),
    "get_painting": ("GET", "api/styles/{name}/painting"),
    "get_thumbnail": ("GET", "api/styles/{name}/thumbnail"),
    "post_upload": ("POST", "api/uploads"),
    "get_jobs": ("GET", "api/jobs"),
    "get_job": ("GET", "api/jobs/{id}"),
    "post_cancel": ("POST", "api/jobs/{id}/cancel"),
    "delete_job": ("DELETE", "api/jobs/{id}"),
    "get_result": ("GET", "api/jobs/{id}/result"),
    "get_source": ("GET", "api/jobs/{id}/source"),
    "get_before": ("GET", "api/jobs/{id}/before"),
    "get_preview": ("GET", "api/jobs/{id}/preview"),
    "get_poster": ("GET", "api/jobs/{id}/poster"),
    "get_sheet": ("GET", "api/jobs/{id}/sheet"),
    "get_swatch": ("GET", "api/jobs/{id}/swatches/{style}"),
}
ACTIVITIES = {
    "preprocess", "take_turn", "take_nodes", "await_style", "prepare_style", "submit", "poll",
    "cancel", "stitch", "publish_style", "report_failure", "clean_up",
}  # fmt: skip


@pytest.fixture
def job(clips: Clips, upload: Upload) -> Job:
    return upload(clips["plain.mp4"], "indexed.mp4")


def test_every_function_is_indexed(worker: Worker) -> None:
    own = {name for name in worker.functions if not name.startswith("BuiltIn__")}
    assert own == {
        "on_video_uploaded",
        "on_style_uploaded",
        "reap",
        "start_missed",
        "restyle",
        "learn_style",
        UNKNOWN,
        *HTTP,
        *ACTIVITIES,
    }


@pytest.mark.parametrize("name", HTTP)
def test_http_functions_have_their_routes(worker: Worker, name: str) -> None:
    (trigger,) = [each for each in worker.bindings(name) if each["type"] == "httpTrigger"]
    method, route = HTTP[name]
    read = ["GET", "HEAD"] if method == "GET" else [method]
    assert ([each.upper() for each in trigger["methods"]], trigger["route"]) == (read, route)
    assert trigger["authLevel"].upper() == ("ANONYMOUS" if name in OPEN else "FUNCTION")


def test_what_has_no_route_comes_after_all_that_have_one(worker: Worker) -> None:
    (trigger,) = [each for each in worker.bindings(UNKNOWN) if each["type"] == "httpTrigger"]
    assert ("methods" in trigger, trigger["route"]) == (False, "api/{*path}")
    assert trigger["authLevel"].upper() == "FUNCTION"
    # Azure's host tries them in this order, however much they take.
    assert max([*HTTP, UNKNOWN], key=str.lower) == UNKNOWN


LEVELS = """
import json
from function_app import app
bindings = [each.get_trigger().get_dict_repr() for each in app.app.get_functions()]
levels = {str(each["authLevel"].value) for each in bindings if "authLevel" in each}
print(json.dumps(sorted(levels)))
"""


@pytest.mark.parametrize(
    ("told", "levels"),
    [({}, ["anonymous", "function"]), ({"HTTP_AUTH_LEVEL": "anonymous"}, ["anonymous"])],
)
def test_keys_are_asked_for_unless_others_guard_the_app(
    told: dict[str, str], levels: list[str]
) -> None:
    code = [sys.executable, "-c", LEVELS]
    said = subprocess.check_output(code, env=os.environ | told, cwd=PROJECT_ROOT)
    assert json.loads(said) == levels


@pytest.mark.parametrize(
    ("name", "metadata"), [("._clip.mp4", {}), (".DS_Store", {}), ("day", {"hdi_isfolder": "true"})]
)
def test_what_nobody_means_to_be_painted_starts_nothing(
    worker: Worker,
    durable: Any,
    idle_hub: Hub,
    upload: Upload,
    name: str,
    metadata: dict[str, str],
) -> None:
    job = upload(b"", name, metadata=metadata)
    video = blob("DATA", paths.VIDEOS, job.video.blob)
    worker.call("on_video_uploaded", video=video, client=durable)
    assert idle_hub.client.get_orchestration_state(job.job_id) is None


def test_the_blob_trigger_passes_a_reference_alone(worker: Worker) -> None:
    (trigger,) = [
        each for each in worker.bindings("on_video_uploaded") if each["type"] == "blobTrigger"
    ]
    assert (trigger["path"], trigger["connection"]) == ("videos/{style}/{name}", "DATA")
    assert trigger["properties"] == {"SupportsDeferredBinding": True}


def test_an_upload_starts_its_job_once(
    worker: Worker, durable: Any, idle_hub: Hub, job: Job
) -> None:
    for _ in range(2):
        worker.call(
            "on_video_uploaded", video=blob("DATA", paths.VIDEOS, job.video.blob), client=durable
        )
    state = idle_hub.client.get_orchestration_state(job.job_id)
    assert state is not None
    assert state.name == "restyle"
    assert State.from_dict(state.get_input()) == State(job, terms=Terms.of(settings()))


def test_events_out_of_order_start_the_newest_version_alone(
    worker: Worker, durable: Any, idle_hub: Hub, clips: Clips, upload: Upload
) -> None:
    older, newer = (upload(clips["plain.mp4"], "out of order.mp4") for _ in range(2))
    for _ in (newer, older):  # an event names the blob, not its version
        video = blob("DATA", paths.VIDEOS, newer.video.blob)
        worker.call("on_video_uploaded", video=video, client=durable)
    assert idle_hub.client.get_orchestration_state(newer.job_id) is not None
    assert idle_hub.client.get_orchestration_state(older.job_id) is None


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
        "refused": "empty.mp4 is empty: upload a whole one",
        "code": "empty-video",
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
    failure = {"job": asdict(job), "code": "not-a-video", "message": "it is a poem"}
    activity(worker, "report_failure", failure)
    report = json.loads(storage.read(paths.RESULTS, job.video.result(".error.json")) or b"")
    assert report == {
        "job_id": job.job_id,
        "video": job.video.blob,
        "code": "not-a-video",
        "error": "it is a poem",
    }


def test_clean_up_deletes_the_jobs_folder(worker: Worker, job: Job) -> None:
    storage.write(paths.JOBS, job.folder.plan, "{}", "application/json")
    activity(worker, "clean_up", State(job).to_dict())
    assert list(storage.names(paths.JOBS, job.folder.root)) == []


@ignores_azure_ml
@pytest.mark.usefixtures("azureml", "style")
def test_an_attempt_inherits_the_frames_of_whole_shards_alone(
    worker: Worker, job: Job, clips: Clips
) -> None:
    work = Work.from_dict(activity(worker, "preprocess", asdict(job))["value"])
    plan = Plan.from_json(storage.read(paths.JOBS, job.folder.plan) or b"")
    whole, half, hollow, *_ = painted = paint(plan, clips["plain.mp4"])
    for shard, length in ((whole, None), (half, -SEAL_BYTES), (hollow, 3)):
        content = painted[shard][:length]
        storage.write(paths.JOBS, job.folder.shard(shard), content, "video/mp4")
    submitted = activity(worker, "submit", State(job, work, attempt=2).to_dict())["value"]
    assert submitted["frames"] == len(whole)


@ignores_azure_ml
@pytest.mark.usefixtures("azureml")
def test_poll_finds_a_job_that_was_never_submitted_missing(worker: Worker, job: Job) -> None:
    state = State(job, Work(paths.VIDEOS, job.video.blob, 48, 1), attempt=1)
    look = activity(worker, "poll", state.to_dict())["value"]
    assert (look["state"], look["frames"], look["age"]) == ("Missing", 0, 0)


@ignores_azure_ml
@pytest.mark.usefixtures("azureml")
def test_poll_tells_how_old_the_count_of_frames_is(worker: Worker, job: Job) -> None:
    state = State(job, Work(paths.VIDEOS, job.video.blob, 48, 1), attempt=1)
    told = Progress(0, 12, 3.0, "2-core CPU")
    storage.write(paths.JOBS, job.folder.output(told.name), told.to_json(), "application/json")
    ages = list[float]()
    for _ in range(2):
        look = activity(worker, "poll", state.to_dict())["value"]
        assert (look["frames"], look["fps"]) == (12, 3.0)
        ages.append(look["age"])
        time.sleep(1)
    assert 0 <= ages[0] < ages[1] - 0.9


@ignores_azure_ml
@pytest.mark.usefixtures("azureml")
def test_polls_read_the_count_of_frames_once_a_second(worker: Worker, job: Job) -> None:
    state = State(job, Work(paths.VIDEOS, job.video.blob, 48, 1), attempt=1)

    def poll_after(frames: int) -> int:
        told = Progress(0, frames, 3.0, "2-core CPU")
        storage.write(paths.JOBS, job.folder.output(told.name), told.to_json(), "application/json")
        return activity(worker, "poll", state.to_dict())["value"]["frames"]

    poll_after(6)  # imports the client library
    time.sleep(1 - time.time() % 1)
    assert [poll_after(12), poll_after(24)] == [12, 12]
    time.sleep(1)
    assert poll_after(24) == 24


@ignores_azure_ml
@pytest.mark.usefixtures("azureml")
def test_cancel_has_nothing_to_end_where_nothing_paints(worker: Worker, job: Job) -> None:
    assert activity(worker, "cancel", asdict(job)) == {"value": True}


@ignores_azure_ml
@pytest.mark.usefixtures("azureml")
def test_reap_deletes_what_is_left_of_jobs_that_are_gone(
    worker: Worker, durable: Any, idle_hub: Hub, upload: Upload
) -> None:
    gone, alive = upload(b"7", "gone.mp4"), upload(b"8", "alive.mp4")
    start(idle_hub.client, alive)
    for job in (gone, alive):
        storage.write(paths.JOBS, job.folder.plan, "{}", "application/json")
    worker.call("reap", timer=timer(), client=durable)
    assert storage.read(paths.JOBS, gone.folder.plan) is None
    assert storage.read(paths.JOBS, alive.folder.plan) == b"{}"


@ignores_azure_ml
def test_reap_goes_on_where_one_job_cannot_be_ended(
    worker: Worker, durable: Any, upload: Upload, azureml: AzureML
) -> None:
    jobs = [upload(b"9", f"gone {number}.mp4") for number in range(3)]
    for job in jobs:
        storage.write(paths.JOBS, job.folder.plan, "{}", "application/json")
    azureml.ask("answers", method="GET", status=403)
    worker.call("reap", timer=timer(), client=durable)
    assert len({job.job_id for job in jobs} & set(storage.folders(paths.JOBS))) == 1
    worker.call("reap", timer=timer(), client=durable)
    assert not {job.job_id for job in jobs} & set(storage.folders(paths.JOBS))
