"""Azure Machine Learning through the real client: what is sent, and what becomes of answers."""

import time
import uuid
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import pytest

from function_app.compute import submission
from function_app.compute.submission import Attempt
from function_app.compute.tasks import task_of
from function_app.errors import ServiceError
from function_app.scheduling.fairness import Claim
from function_app.settings import settings
from function_app.store import paths, storage, turns
from function_app.store.jobs import Job, State, Work
from function_app.store.shares import EXPECTED
from gpu_worker.plan import PROGRESS_NAME, Progress
from tests.function_app.azureml import AzureML, ignores_azure_ml
from tests.function_app.hub import FUNCTIONS

pytestmark = ignores_azure_ml

BEGUN = "2026-11-28T10:00:00.000000Z"
DEDICATED = {"AML_COMPUTE": "gpu", "AML_TIER": "Dedicated"}
LOW_PRIORITY = {"AML_COMPUTE": "gpu", "AML_TIER": "LowPriority"}
KUBERNETES = {"AML_COMPUTE": "aks", "AML_INSTANCE_TYPE": "gpu"}


@pytest.fixture
def attempt() -> Attempt:
    """An attempt at a video that is not there: its job is taken, and fails."""
    job = Job.of("scream/holidays/a b.mp4", uuid.uuid4().hex)
    return Attempt(job, Work(paths.JOBS, job.folder.source(".mp4"), 48, 1), 1)


@pytest.fixture
def running(
    azureml: AzureML, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> Generator[Attempt]:
    """An attempt that runs until it is ended."""
    assert attempt.name not in azureml.names()
    task = replace(task_of(attempt.job, attempt.work), command="sleep 600")
    monkeypatch.setattr(submission, "task_of", lambda *_: task)
    for blob in (attempt.job.folder.plan, attempt.work.source_blob):
        storage.write(paths.JOBS, blob, b"", "application/octet-stream")
    submission.submit(attempt)
    reaches(attempt.name, "Running")
    yield attempt
    submission.cancel(attempt.name)
    ended(attempt.name)


def ended(name: str) -> str:
    return reaches(name, *submission.FINAL)


def reaches(name: str, *states: str) -> str:
    deadline = time.monotonic() + 60
    while (state := submission.state(name)) not in states:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return state


def test_a_job_at_work_tells_what_it_has_left_and_makes_way(
    running: Attempt, configure: Callable[..., None]
) -> None:
    configure(AML_NODES_MAX="1", RESTART_SECONDS="10")
    for left_behind in turns.waiting():
        turns.leave(left_behind)
    job, waits = running.job, Job.of("scream/clip.mp4", uuid.uuid4().hex)
    state = State(job, running.work, 1, held=1, since=time.time(), started=BEGUN, node_seconds=90)
    for each in (job, waits):
        turns.enter(each, BEGUN)
    expected = {EXPECTED: "600"}
    storage.write(paths.JOBS, job.folder.plan, b"", "application/json", expected)
    progress = Progress(0, 12, 0.1, "none").to_json()
    storage.write(paths.JOBS, job.folder.output(PROGRESS_NAME), progress, "text/plain")
    alone = _looked_at(state)
    (told,) = turns.told(but=waits.job_id)
    turns.tell(turns.Told(Claim(waits.job_id, time.time(), time.time(), 5, 5, 1)), BEGUN)
    beside_a_clip = _looked_at(state)
    for each in (job, waits):
        turns.leave(each.job_id)
    frames = running.work.frames - 12
    assert (alone["hold"], beside_a_clip["hold"]) == (1, 0)
    assert alone["left"] == pytest.approx(frames / 0.1, abs=60)
    assert told.claim.works
    assert told.claim.needs == pytest.approx(90 + alone["left"], abs=60)


def _looked_at(state: State) -> dict[str, Any]:
    (poll,) = (each for each in FUNCTIONS if each.get_function_name() == "poll")
    return poll.get_user_function()(state.to_dict())["value"]


@pytest.mark.parametrize("variables", [DEDICATED, LOW_PRIORITY, KUBERNETES])
def test_a_job_says_all_that_azure_machine_learning_must_know(
    azureml: AzureML, attempt: Attempt, configure: Callable[..., None], variables: dict[str, str]
) -> None:
    configure(AML_PROCESSES_PER_NODE="2", JOB_TIMEOUT_HOURS="1.5", SWATCHES="1", **variables)
    submission.submit(attempt)
    job, body = attempt.job, azureml.body(attempt.name)
    del body["properties"]  # the client tells of the checkout that it runs in
    workspace = (
        "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local"
        "/providers/Microsoft.MachineLearningServices/workspaces/local"
    )
    mounted = {"mode": "ReadOnlyMount", "jobInputType": "uri_file"}
    store = "azureml://datastores"
    assert without_nulls(body) == {
        "jobType": "Command",
        "displayName": attempt.name,
        "experimentName": "atelier",
        "isArchived": False,
        "command": 'python -m gpu_worker.score --plan "${{inputs.plan}}"'
        ' --video "${{inputs.video}}" --style "${{inputs.style}}" --out "${{outputs.work}}"'
        ' --swatch composition_vii "${{inputs.swatch_0}}"',
        "environmentId": f"{workspace}/environments/gpu-worker/versions/1",
        "computeId": f"{workspace}/computes/{variables['AML_COMPUTE']}",
        "inputs": {
            "plan": {"uri": f"{store}/jobs/paths/{job.job_id}/plan.json", **mounted},
            "video": {"uri": f"{store}/jobs/paths/{job.job_id}/source.mp4", **mounted},
            "style": {"uri": f"{store}/styles/paths/scream.safetensors", **mounted},
            "swatch_0": {"uri": f"{store}/styles/paths/composition_vii.safetensors", **mounted},
        },
        "outputs": {
            "work": {
                "uri": f"{store}/jobs/paths/{job.job_id}/work/",
                "mode": "ReadWriteMount",
                "jobOutputType": "uri_folder",
            },
        },
        "distribution": {"distributionType": "Mpi", "processCountPerInstance": 2},
        "resources": {
            "instanceCount": 1,
            "shmSize": "16g",
            "properties": {},
            **({"instanceType": "gpu"} if variables is KUBERNETES else {}),
        },
        "environmentVariables": {
            "DATASET_UNMOUNT_TIMEOUT_SECONDS": "600",
            "DATASET_MOUNT_BLOCK_BASED_CACHE_ENABLED": "true",
        },
        "identity": {"identityType": "Managed"},
        "limits": {"jobLimitsType": "Command", "timeout": "PT1H30M"},
        "tags": {
            "job_id": job.job_id,
            "style": "scream",
            "video": "holidays/a b.mp4",
            "frames": "48",
            "attempt": "1",
        },
    }


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nulls(each) for name, each in value.items() if each is not None}
    return value


def test_a_job_that_was_never_submitted_is_missing(azureml: AzureML, attempt: Attempt) -> None:
    assert submission.state(attempt.name) == submission.MISSING
    assert submission.cancel_all(attempt.job.job_id)
    assert attempt.name not in azureml.names()


@pytest.mark.usefixtures("azureml")
def test_an_attempt_that_was_submitted_before_is_taken_as_it_is(
    attempt: Attempt, configure: Callable[..., None]
) -> None:
    submission.submit(attempt)
    configure(JOB_TIMEOUT_HOURS="2")  # its content differs, its name is there
    submission.submit(attempt)
    assert ended(attempt.name) == submission.FAILED


@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_throttling_is_waited_out(azureml: AzureML, attempt: Attempt, method: str) -> None:
    azureml.ask("answers", method=method, status=429, retry_after=1, times=2)
    submission.submit(attempt)
    assert ended(attempt.name) == submission.FAILED


def test_a_service_that_refuses_is_the_worlds_fault(azureml: AzureML, attempt: Attempt) -> None:
    azureml.ask("answers", method="PUT", status=403)
    with pytest.raises(ServiceError, match=f"on submitting {attempt.name}: .*as was asked for"):
        submission.submit(attempt)
    azureml.ask("answers", method="GET", status=403)
    with pytest.raises(ServiceError, match=f"on asking for {attempt.name}"):
        submission.state(attempt.name)


def test_a_job_that_has_ended_is_cancelled_by_doing_nothing(
    azureml: AzureML, attempt: Attempt
) -> None:
    submission.submit(attempt)
    assert ended(attempt.name) == submission.FAILED
    submission.cancel(attempt.name)
    azureml.ask("answers", method="POST", status=409)
    submission.cancel(attempt.name)
    assert submission.state(attempt.name) == submission.FAILED


def test_a_cancel_that_is_refused_is_an_error_while_the_job_goes_on(
    azureml: AzureML, running: Attempt
) -> None:
    azureml.ask("answers", method="POST", status=409)
    with pytest.raises(ServiceError, match=f"cancelling {running.name}"):
        submission.cancel(running.name)
    assert submission.state(running.name) == "Running"


def test_every_attempt_is_cancelled(running: Attempt) -> None:
    waiting = Attempt(running.job, running.work, 2)
    submission.submit(waiting)
    assert not submission.cancel_all(running.job.job_id)
    assert [ended(each.name) for each in (running, waiting)] == [submission.CANCELED] * 2
    assert submission.cancel_all(running.job.job_id)


def test_a_silent_job_has_not_ended_and_may_come_back(azureml: AzureML, running: Attempt) -> None:
    azureml.ask(f"jobs/{running.name}/silence")
    assert submission.state(running.name) == "NotResponding"
    assert submission.state(running.name) not in submission.FINAL | submission.WAITING
    azureml.ask(f"jobs/{running.name}/speak")
    assert submission.state(running.name) == "Running"


def test_a_run_that_loses_its_nodes_waits_for_others(azureml: AzureML, running: Attempt) -> None:
    azureml.ask(f"jobs/{running.name}/restart")
    reaches(running.name, *submission.WAITING)
    reaches(running.name, "Running")


def test_a_run_that_ends_with_its_nodes_has_failed(azureml: AzureML, running: Attempt) -> None:
    azureml.ask(f"jobs/{running.name}/preempt")
    assert ended(running.name) == submission.FAILED


def test_studio_shows_an_attempt_in_azure_alone(configure: Callable[..., None]) -> None:
    assert submission.studio_url("a-1") is None
    configure(AML_ENDPOINT="")
    assert submission.studio_url("a-1") == (
        "https://ml.azure.com/runs/a-1?wsid=/subscriptions/00000000-0000-0000-0000-000000000000"
        "/resourceGroups/local/providers/Microsoft.MachineLearningServices/workspaces/local"
    )
    assert settings().aml_endpoint == ""
