"""A style from its upload to its end, and the videos that wait for it, on durabletask's own engine.

All activities are the app's own, on Azurite, but those that ask Azure Machine Learning.
"""

import json
import time
import uuid
from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from durabletask.client import OrchestrationStatus, TaskHubGrpcClient

from function_app import activities, orchestrator, pace
from function_app.activities import Look
from function_app.execution import CANCEL_EVENT
from function_app.store import paths, storage, styles
from function_app.store.jobs import Job, State
from function_app.triggers import start
from gpu_worker.plan import BUDGET_PARTS, STYLE_NAME, Plan
from tests.function_app.clips import Clips, paint
from tests.function_app.hub import ended, running_hub, shown
from tests.function_app.made_styles import style_file

type Upload = Callable[..., Job]
type Payload = dict[str, Any]

COMPLETED = Look("Completed", BUDGET_PARTS)
LOST = Look("Failed")


@dataclass
class Nodes:
    """What becomes of attempts: those at a style see `looks`, those at a video succeed.

    Attributes:
        clip: the video, whose frames a painting leaves as they are.
        looks: for each attempt what it comes to.
        go_on: until it is set, attempts at a style are at work.
        polled: whether anybody has looked at one.
        submitted: names of what was worked on, in order.
    """

    clip: Path
    looks: list[Look] = field(default_factory=lambda: [COMPLETED])
    go_on: Event = field(default_factory=Event)
    polled: Event = field(default_factory=Event)
    submitted: list[str] = field(default_factory=list)

    def submit(self, payload: Payload) -> Payload:
        job = State.from_dict(payload).job
        self.submitted.append(job.name)
        if job.makes_style:
            storage.write(paths.JOBS, job.folder.output(STYLE_NAME), style_file(), "")
        else:
            self._paint(job)
        return {"value": 0}

    def poll(self, payload: Payload) -> Payload:
        state = State.from_dict(payload)
        if not state.job.makes_style:
            return {"value": asdict(Look("Completed", 48))}
        self.polled.set()
        at_work = Look("Running", 25, 5.0)
        return {"value": asdict(self.looks[state.attempt - 1] if self.go_on.is_set() else at_work)}

    def cancel(self, _: Payload) -> Payload:
        return {"value": True}

    def _paint(self, job: Job) -> None:
        plan = Plan.from_json(storage.read(paths.JOBS, job.folder.plan) or b"")
        for shard, content in paint(plan, self.clip).items():
            storage.write(paths.JOBS, job.folder.shard(shard), content, "video/mp4")


@pytest.fixture
def nodes(clips: Clips, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Nodes:
    monkeypatch.setattr(pace, "TICK", timedelta(milliseconds=10))
    configure(POLL_SECONDS="0.05")
    return Nodes(clips["plain.mp4"])


@pytest.fixture
def hub(nodes: Nodes) -> Generator[TaskHubGrpcClient]:
    instead = {"submit": nodes.submit, "poll": nodes.poll, "cancel": nodes.cancel}
    with running_hub(instead) as running:
        yield running.client


@pytest.fixture
def name() -> str:
    return f"new-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def painting(name: str) -> Job:
    client = storage.blob(paths.STYLES, f"{name}.jpg")
    etag = client.upload_blob(b"painting")["etag"]
    return Job.of_style(client.blob_name, etag)


@pytest.fixture
def video(clips: Clips, upload: Upload, name: str) -> Job:
    return upload(clips["plain.mp4"], "waits.mp4", style=name)


def test_a_painting_becomes_a_style(hub: TaskHubGrpcClient, nodes: Nodes, painting: Job) -> None:
    assert start(hub, painting)
    assert nodes.polled.wait(60)
    status = shown(hub, painting, stage="learn")
    assert (status["frames"], status["eta_s"]) == ({"done": 25, "total": 100}, 15.0)
    assert status["fps"] is None
    nodes.go_on.set()
    state = ended(hub, painting)
    assert state.get_output() == {"stage": "done", "style": painting.style}
    assert state.get_custom_status()["stage"] == "done"
    assert styles.usable(painting.style).job_id is None
    assert list(storage.names(paths.JOBS, painting.folder.root)) == []
    assert not start(hub, painting)


def test_a_video_waits_for_its_style_and_is_painted_then(
    hub: TaskHubGrpcClient, nodes: Nodes, painting: Job, video: Job
) -> None:
    start(hub, painting)
    start(hub, video)
    status = shown(hub, video, stage="wait")
    assert status["message"].startswith(f"waits for the style {painting.style}, ")
    assert status["frames"] == {"done": 0, "total": 48}
    assert nodes.submitted == [painting.name]
    nodes.go_on.set()
    assert ended(hub, video).get_output()["result"] == video.video.painted
    assert nodes.submitted == [painting.name, video.name]


def test_a_wait_for_a_style_that_nothing_makes_ends_in_a_sentence(
    hub: TaskHubGrpcClient, painting: Job, video: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activities, "LOST_AFTER", timedelta())
    start(hub, video)
    assert ended(hub, video).runtime_status == OrchestrationStatus.FAILED
    report = json.loads(storage.read(paths.RESULTS, video.video.report) or b"{}")
    assert report["error"] == (
        f"the making of the style '{painting.style}' has stopped without a word: "
        "learn it again, and then upload the video again"
    )


def test_a_long_wait_goes_on_in_a_new_history(
    hub: TaskHubGrpcClient,
    nodes: Nodes,
    painting: Job,
    video: Job,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(orchestrator, "POLLS_PER_HISTORY", 3)
    start(hub, painting)
    start(hub, video)
    shown(hub, video, stage="wait")
    time.sleep(1)
    nodes.go_on.set()
    assert ended(hub, video).runtime_status == OrchestrationStatus.COMPLETED


def test_a_video_fails_with_the_sentence_of_its_style(
    hub: TaskHubGrpcClient, nodes: Nodes, painting: Job, video: Job
) -> None:
    nodes.looks = [Look("Failed", fault="input", message="The painting is a poem.")]
    start(hub, painting)
    start(hub, video)
    shown(hub, video, stage="wait")
    nodes.go_on.set()
    assert ended(hub, painting).runtime_status == OrchestrationStatus.FAILED
    state = ended(hub, video)
    assert state.runtime_status == OrchestrationStatus.FAILED
    message = state.get_custom_status()["message"]
    assert message == f"the style '{painting.style}' cannot be used: The painting is a poem."
    report = storage.read(paths.STYLES, f"{painting.style}.error.json") or b""
    assert json.loads(report)["error"] == "The painting is a poem."
    assert nodes.submitted == [painting.name]


def test_a_lost_attempt_at_a_style_is_followed_by_another(
    hub: TaskHubGrpcClient, nodes: Nodes, painting: Job
) -> None:
    nodes.looks = [LOST, COMPLETED]
    nodes.go_on.set()
    start(hub, painting)
    assert ended(hub, painting).runtime_status == OrchestrationStatus.COMPLETED
    assert nodes.submitted == [painting.name] * 2


def test_three_lost_attempts_at_a_style_are_enough(
    hub: TaskHubGrpcClient, nodes: Nodes, painting: Job
) -> None:
    nodes.looks = [LOST, LOST, LOST]
    nodes.go_on.set()
    start(hub, painting)
    assert "making the style failed 3 times" in ended(hub, painting).get_custom_status()["message"]


def test_a_style_that_is_cancelled_is_told_to_who_waits(
    hub: TaskHubGrpcClient, nodes: Nodes, painting: Job, video: Job
) -> None:
    start(hub, painting)
    start(hub, video)
    shown(hub, video, stage="wait")
    hub.raise_orchestration_event(painting.job_id, CANCEL_EVENT)
    assert ended(hub, painting).get_output() == {"stage": "cancelled"}
    assert "making the style was cancelled" in ended(hub, video).get_custom_status()["message"]
    assert list(storage.names(paths.JOBS, painting.folder.root)) == []
    assert nodes.submitted == [painting.name]


def test_a_video_that_waits_can_be_cancelled(
    hub: TaskHubGrpcClient, nodes: Nodes, painting: Job, video: Job
) -> None:
    start(hub, painting)
    start(hub, video)
    shown(hub, video, stage="wait")
    hub.raise_orchestration_event(video.job_id, CANCEL_EVENT)
    assert ended(hub, video).get_output() == {"stage": "cancelled"}
    nodes.go_on.set()
    assert ended(hub, painting).runtime_status == OrchestrationStatus.COMPLETED


@pytest.mark.usefixtures("painting")
def test_a_style_that_nobody_makes_is_not_waited_for_without_end(
    hub: TaskHubGrpcClient, video: Job, configure: Callable[..., None]
) -> None:
    configure(POLL_SECONDS="0.05", JOB_TIMEOUT_HOURS="0.0001")
    start(hub, video)
    state = ended(hub, video)
    assert state.runtime_status == OrchestrationStatus.FAILED
    assert (
        "is not ready after the time that its making may take"
        in state.get_custom_status()["message"]
    )
