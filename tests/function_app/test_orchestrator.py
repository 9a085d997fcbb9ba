"""A job from its event to its end, on durabletask's own engine.

Preprocessing, stitching, reporting and cleaning up are the app's own, on Azurite; the Azure
Machine Learning job is a script of looks at it.
"""

import json
import time
from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from durabletask.client import OrchestrationState, OrchestrationStatus, TaskHubGrpcClient
from durabletask.history import OrchestratorStartedEvent, TimerCreatedEvent
from durabletask.task import RetryPolicy

from function_app import execution, lifecycle, pace
from function_app.activities import Look, Submission
from function_app.compute.submission import MOST_ATTEMPTS
from function_app.errors import Code
from function_app.execution import CANCEL_EVENT
from function_app.lifecycle import POLLS_PER_HISTORY
from function_app.orchestrator import ORCHESTRATOR, VERSION
from function_app.scheduling import cost
from function_app.scheduling.fairness import Claim
from function_app.settings import settings
from function_app.stages.stitch import Joined
from function_app.store import paths, spend, storage, turns
from function_app.store.jobs import Job, State, Terms
from function_app.triggers import start
from gpu_worker.plan import POSTER_NAME, Plan
from tests.function_app.clips import FRAMES, Clips, paint
from tests.function_app.hub import ended, running_hub, shown
from tests.function_app.recording import record

type Upload = Callable[..., Job]
type Payload = dict[str, Any]

TICK = timedelta(milliseconds=10)
RUNNING, COMPLETED = Look("Running", 12, 3.0), Look("Completed", FRAMES)
LOST, CANCELED = Look("Failed"), Look("Canceled")


@dataclass
class Script:
    """What becomes of the attempts at painting.

    Attributes:
        source: the video, whose frames a completed attempt leaves as they are.
        looks: for each attempt what its polls see; the last is seen again and again.
        submitted: attempts so far.
        waits: how often the day has no room for the first of them.
        polls: looks at the present attempt so far.
        polled: whether there was any.
        cancelled: how often the end of the painting was asked for.
        seen: with what it was looked at.
        then: what happens after an attempt was submitted.
    """

    source: Path
    looks: list[list[Look]]
    submitted: list[int] = field(default_factory=list)
    waits: int = 0
    polls: int = 0
    polled: Event = field(default_factory=Event)
    cancelled: int = 0
    seen: list[State] = field(default_factory=list[State])
    then: Callable[[Job], object] = lambda _: None

    def submit(self, payload: Payload) -> Payload:
        state = State.from_dict(payload)
        if self.waits:
            self.waits -= 1
            return {"value": asdict(Submission(wait="there is no room today"))}
        if self.source.exists():
            self._paint(state.job)
        if state.attempt in self.submitted:
            return {"value": asdict(Submission(30, "2026-11-24"))}
        self.submitted.append(state.attempt)
        self.polls = 0
        self.then(state.job)
        return {"value": asdict(Submission(0, "2026-11-24"))}

    def poll(self, payload: Payload) -> Payload:
        self.seen.append(State.from_dict(payload))
        looks = self.looks[self.seen[-1].attempt - 1]
        look = looks[min(self.polls, len(looks) - 1)]
        self.polls += 1
        self.polled.set()
        return {"value": asdict(look)}

    def cancel(self, _: Payload) -> Payload:
        self.cancelled += 1
        return {"value": self.cancelled > 1}

    def _paint(self, job: Job) -> None:
        plan = Plan.from_json(storage.read(paths.JOBS, job.folder.plan) or b"")
        for shard, content in paint(plan, self.source).items():
            storage.write(paths.JOBS, job.folder.shard(shard), content, "video/mp4")


@pytest.fixture
def script(clips: Clips, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Script:
    monkeypatch.setattr(pace, "TICK", TICK)
    configure(POLL_SECONDS="0.01")
    return Script(clips["plain.mp4"], [[COMPLETED]])


@pytest.fixture
def hub(script: Script, request: pytest.FixtureRequest) -> Generator[TaskHubGrpcClient]:
    scoring = {"submit": script.submit, "poll": script.poll, "cancel": script.cancel}
    with running_hub(scoring) as running:
        yield running.client
        if request.config.getoption("--record", default=False):
            record(running.address, request.node.name)


@pytest.fixture
def job(clips: Clips, upload: Upload) -> Job:
    job = upload(clips["plain.mp4"], "film.mp4")
    storage.delete_all(paths.RESULTS, job.video.result(""))
    return job


def failure(state: OrchestrationState) -> str:
    assert state.runtime_status == OrchestrationStatus.FAILED
    assert state.failure_details is not None
    return state.failure_details.message


def files_of(job: Job) -> list[str]:
    return list(storage.names(paths.JOBS, job.folder.root))


def has_result(job: Job) -> bool:
    return storage.blob(paths.RESULTS, job.video.painted).exists()


def test_a_good_video_gets_its_result(hub: TaskHubGrpcClient, script: Script, job: Job) -> None:
    script.looks = [[Look("Queued"), RUNNING, COMPLETED]]
    assert start(hub, job)
    state = ended(hub, job)
    assert state.runtime_status == OrchestrationStatus.COMPLETED
    assert state.get_output() == {
        "stage": "done",
        "result": "plain/film.mp4",
        "frames": FRAMES,
        "notes": [],
    }
    status = state.get_custom_status()
    assert (status["stage"], status["frames"]) == ("done", {"done": FRAMES, "total": FRAMES})
    assert has_result(job)
    assert files_of(job) == []
    assert script.submitted == [1]


def test_a_job_tells_how_far_it_is(hub: TaskHubGrpcClient, script: Script, job: Job) -> None:
    script.looks = [[RUNNING]]
    start(hub, job)
    assert script.polled.wait(60)
    status = shown(hub, job, stage="score")
    hub.raise_orchestration_event(job.job_id, CANCEL_EVENT)
    ended(hub, job)
    assert status == {
        "stage": "score",
        "frames": {"done": 12, "total": FRAMES},
        "fps": 3.0,
        "eta_s": 12.0,
        "attempt": 1,
        "nodes": 1,
        "gives_way": 0,
        "message": "",
        "notes": [],
        "options": {"strength": 1.0, "preserve_colour": False, "container": "mp4"},
        "code": None,
        "cost": None,
        "studio_url": None,
    }


def test_bad_input_fails_in_a_sentence_and_is_not_painted(
    hub: TaskHubGrpcClient, script: Script, upload: Upload
) -> None:
    job = upload(b"Dear diary,\n", "diary.mp4")
    start(hub, job)
    state = ended(hub, job)
    sentence = "diary.mp4 is text, not a video: upload a video"
    assert sentence in failure(state)
    assert state.get_custom_status()["message"] == sentence
    report = storage.read(paths.RESULTS, job.video.report) or b""
    assert sentence in report.decode()
    assert script.submitted == []
    assert files_of(job) == []


def test_a_lost_attempt_is_followed_by_another(
    hub: TaskHubGrpcClient, script: Script, job: Job
) -> None:
    script.looks = [[RUNNING, LOST], [COMPLETED]]
    start(hub, job)
    assert ended(hub, job).runtime_status == OrchestrationStatus.COMPLETED
    assert script.submitted == [1, 2]
    assert has_result(job)


def test_three_lost_attempts_are_enough(hub: TaskHubGrpcClient, script: Script, job: Job) -> None:
    script.looks = [[LOST], [LOST], [replace(LOST, fault="world", message="the disk is full")]]
    start(hub, job)
    assert "painting failed 3 times, the last time because: the disk is full" in failure(
        ended(hub, job)
    )
    assert script.submitted == [1, 2, 3]
    assert files_of(job) == []


def test_what_the_worker_refuses_is_not_tried_again(
    hub: TaskHubGrpcClient, script: Script, job: Job
) -> None:
    script.looks = [[replace(LOST, fault="input", message="the style is no network")]]
    start(hub, job)
    assert "the style is no network" in failure(ended(hub, job))
    assert script.submitted == [1]


def test_nodes_without_a_gpu_are_not_tried_again(
    hub: TaskHubGrpcClient, script: Script, job: Job
) -> None:
    script.looks = [[replace(LOST, fault="world", message="no GPU here", code=Code.NO_GPU)]]
    start(hub, job)
    assert "no GPU here" in failure(ended(hub, job))
    assert script.submitted == [1]
    assert json.loads(storage.read(paths.RESULTS, job.video.report) or b"{}")["code"] == "no-gpu"


def cancelled_while_it_paints(
    hub: TaskHubGrpcClient, script: Script, job: Job
) -> OrchestrationState:
    script.looks = [[RUNNING]]
    start(hub, job)
    assert script.polled.wait(60)
    hub.raise_orchestration_event(job.job_id, CANCEL_EVENT)
    return ended(hub, job)


def test_a_cancelled_job_ends_what_paints_and_leaves_nothing(
    hub: TaskHubGrpcClient, script: Script, job: Job
) -> None:
    state = cancelled_while_it_paints(hub, script, job)
    assert state.get_output() == {"stage": "cancelled"}
    assert state.get_custom_status()["stage"] == "cancelled"
    assert script.cancelled == 2
    assert files_of(job) == []
    assert not has_result(job)


def test_painting_that_others_cancelled_cancels_the_job(
    hub: TaskHubGrpcClient, script: Script, job: Job
) -> None:
    script.looks = [[Look("Canceled")]]
    start(hub, job)
    assert ended(hub, job).get_output() == {"stage": "cancelled"}
    assert script.submitted == [1]


def test_a_long_painting_goes_on_in_a_new_history(
    hub: TaskHubGrpcClient, script: Script, job: Job
) -> None:
    script.looks = [[*[RUNNING] * (POLLS_PER_HISTORY + 5), COMPLETED]]
    start(hub, job)
    assert ended(hub, job).runtime_status == OrchestrationStatus.COMPLETED
    assert script.polls == POLLS_PER_HISTORY + 6
    assert script.submitted == [1]
    assert len(hub.get_orchestration_history(job.job_id)) < 8 * POLLS_PER_HISTORY


def left(ticks: float, **more: Any) -> Look:
    """A look at a painting of which so many ticks are left, as far as can be told."""
    return Look("Running", FRAMES - 1, fps=1 / (ticks * TICK.total_seconds()), **more)


def test_looks_are_close_to_each_other_when_the_end_is_near(
    hub: TaskHubGrpcClient, script: Script, job: Job, configure: Callable[..., None]
) -> None:
    configure(POLL_SECONDS="60")
    overdue = Look("Running", FRAMES, age=16 * TICK.total_seconds())
    looks = [Look("Queued"), Look("Running"), RUNNING, left(8), left(2), overdue, COMPLETED]
    script.looks = [looks]
    start(hub, job)
    ended(hub, job)
    assert pauses(hub, job) == [(each + 0.5) * TICK for each in (1, 2, 3, 2, 1, 4)]


@pytest.mark.parametrize("ticks", [0.001, 0.1, 0.4])
def test_no_pause_is_shorter_than_a_tick_however_wrong_the_rate(
    hub: TaskHubGrpcClient, script: Script, job: Job, configure: Callable[..., None], ticks: float
) -> None:
    configure(POLL_SECONDS="60")
    numbers = range(FRAMES - 12, FRAMES)
    script.looks = [[*(replace(left(ticks), frames=each) for each in numbers), COMPLETED]]
    start(hub, job)
    ended(hub, job)
    assert set(pauses(hub, job)) == {1.5 * TICK}


def test_a_painting_that_stands_still_is_looked_at_ever_more_rarely(
    hub: TaskHubGrpcClient, script: Script, job: Job, configure: Callable[..., None]
) -> None:
    configure(POLL_SECONDS=str(4 * TICK.total_seconds()))
    script.looks = [[*[left(0.1)] * 8, RUNNING, COMPLETED]]
    start(hub, job)
    ended(hub, job)
    assert pauses(hub, job) == [(each + 0.5) * TICK for each in (1, 1, 2, 3, 4, 4, 4, 4, 4)]


def test_a_look_counts_in_the_next_history_too(
    hub: TaskHubGrpcClient,
    script: Script,
    job: Job,
    monkeypatch: pytest.MonkeyPatch,
    configure: Callable[..., None],
) -> None:
    monkeypatch.setattr(lifecycle, "POLLS_PER_HISTORY", 3)
    configure(POLL_SECONDS="60")
    script.looks = [[*[left(0.1)] * 8, COMPLETED]]
    start(hub, job)
    ended(hub, job)
    assert pauses(hub, job) == [(each + 0.5) * TICK for each in (4, 5)]


def test_what_took_long_may_be_seen_to_end_a_little_late(
    hub: TaskHubGrpcClient, script: Script, job: Job, configure: Callable[..., None]
) -> None:
    configure(POLL_SECONDS="60")
    state = State(job, looks=1000, painted=500 * TICK.total_seconds())
    terms = Terms.of(settings())
    hub.schedule_new_orchestration(
        ORCHESTRATOR,
        input=replace(state, terms=terms).to_dict(),
        instance_id=job.job_id,
        version=str(VERSION),
    )
    script.looks = [[replace(left(0.1), frames=each) for each in (1, 2)] + [COMPLETED]]
    ended(hub, job)
    assert pauses(hub, job) == [5.5 * TICK] * 2


def test_ends_are_asked_for_a_tick_apart_at_least(
    hub: TaskHubGrpcClient, script: Script, job: Job
) -> None:
    cancelled_while_it_paints(hub, script, job)
    assert script.cancelled == 2
    assert pauses(hub, job)[-1] == 1.5 * TICK


def pauses(hub: TaskHubGrpcClient, job: Job) -> list[timedelta]:
    """Return how long the orchestration waited each time."""
    found, now = list[timedelta](), datetime.min
    for event in hub.get_orchestration_history(job.job_id):
        if isinstance(event, OrchestratorStartedEvent):
            now = event.timestamp
        if isinstance(event, TimerCreatedEvent):
            found.append(event.fire_at - now)
    return found


def test_the_same_event_again_starts_nothing(
    hub: TaskHubGrpcClient, script: Script, job: Job
) -> None:
    assert start(hub, job)
    assert not start(hub, job)
    ended(hub, job)
    assert not start(hub, job)
    assert script.submitted == [1]


@pytest.mark.parametrize("tier", ["LowPriority", "Dedicated"])
def test_nodes_taken_away_are_no_failure_of_painting_whatever_the_setting_by_then(
    hub: TaskHubGrpcClient, script: Script, job: Job, configure: Callable[..., None], tier: str
) -> None:
    configure(AML_TIER="LowPriority")
    script.looks = [*[[RUNNING, LOST]] * (MOST_ATTEMPTS + 1), [COMPLETED]]
    script.then = lambda _: configure(AML_TIER=tier)
    start(hub, job)
    assert ended(hub, job).runtime_status == OrchestrationStatus.COMPLETED
    assert script.submitted == [1, 2, 3, 4, 5]


def test_nodes_taken_away_too_often_fail_the_job(
    hub: TaskHubGrpcClient, script: Script, job: Job, configure: Callable[..., None]
) -> None:
    configure(AML_TIER="LowPriority", MAX_PREEMPTIONS="1")
    script.looks = [[LOST], [LOST]]
    start(hub, job)
    assert "the nodes were taken away 2 times" in failure(ended(hub, job))


def test_what_the_worker_says_is_no_preemption(
    hub: TaskHubGrpcClient, script: Script, job: Job, configure: Callable[..., None]
) -> None:
    configure(AML_TIER="LowPriority")
    script.looks = [[replace(LOST, fault="world", message="the disk is full")]] * 3
    start(hub, job)
    assert "painting failed 3 times" in failure(ended(hub, job))


def test_a_run_that_starts_again_goes_on_from_what_is_painted(
    hub: TaskHubGrpcClient, script: Script, job: Job
) -> None:
    script.looks = [[RUNNING, Look("Queued", 12), Look("Running", 3)]]
    start(hub, job)
    shown(hub, job, frames={"done": 33, "total": FRAMES})
    hub.raise_orchestration_event(job.job_id, CANCEL_EVENT)
    ended(hub, job)
    assert script.submitted == [1]


def test_a_silent_run_is_awaited(hub: TaskHubGrpcClient, script: Script, job: Job) -> None:
    script.looks = [[RUNNING, Look("NotResponding", 12), RUNNING, COMPLETED]]
    start(hub, job)
    assert ended(hub, job).runtime_status == OrchestrationStatus.COMPLETED
    assert script.submitted == [1]


def test_a_run_that_nobody_ends_is_ended_after_its_time(
    hub: TaskHubGrpcClient, script: Script, job: Job, configure: Callable[..., None]
) -> None:
    configure(JOB_TIMEOUT_HOURS="0.000001")
    script.looks = [[Look("NotResponding")]]
    start(hub, job)
    assert "Azure Machine Learning did not end it" in failure(ended(hub, job))
    assert script.cancelled == 2


def test_a_job_waits_for_room_in_the_days_spending(
    hub: TaskHubGrpcClient, script: Script, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "ROOM_POLLS", timedelta(milliseconds=200))
    script.waits = POLLS_PER_HISTORY + 1
    start(hub, job)
    waiting = shown(hub, job, message="there is no room today")
    assert waiting["stage"] == "queue"
    assert ended(hub, job).runtime_status == OrchestrationStatus.COMPLETED
    assert script.submitted == [1]


def test_a_job_that_waits_for_room_can_be_cancelled(
    hub: TaskHubGrpcClient, script: Script, job: Job
) -> None:
    script.waits = 10
    start(hub, job)
    shown(hub, job, stage="queue")
    hub.raise_orchestration_event(job.job_id, CANCEL_EVENT)
    assert ended(hub, job).get_output() == {"stage": "cancelled"}
    assert script.submitted == []


def test_a_job_tells_what_it_costs_and_that_is_written_down(
    hub: TaskHubGrpcClient, script: Script, job: Job, configure: Callable[..., None]
) -> None:
    configure(NODE_PRICE_PER_HOUR="36000", PRICE_CURRENCY="EUR")
    script.looks = [[*[RUNNING] * 5, COMPLETED]]
    start(hub, job)
    told = ended(hub, job).get_custom_status()["cost"]
    assert told["currency"] == "EUR"
    assert told["estimate"] >= 10 * cost.START_SECONDS
    assert 0 < told["spent"] < told["estimate"]
    assert spend.amounts("2026-11-24")[job.job_id] == told["spent"]


def test_a_job_that_comes_to_more_than_one_job_may_is_ended(
    hub: TaskHubGrpcClient, script: Script, job: Job, configure: Callable[..., None]
) -> None:
    configure(NODE_PRICE_PER_HOUR="3600", POLL_SECONDS="0.2")
    # Less than the start of a node comes to, which preprocessing would refuse.
    state = State(job, terms=replace(Terms.of(settings()), max_cost=0.5))
    hub.schedule_new_orchestration(
        ORCHESTRATOR, input=state.to_dict(), instance_id=job.job_id, version=str(VERSION)
    )
    script.looks = [[RUNNING]]
    assert "painting was stopped after 0." in failure(ended(hub, job))
    assert script.cancelled == 2
    assert files_of(job) == []


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let activities that fail be tried again without a pause."""
    policy = RetryPolicy(
        first_retry_interval=timedelta(milliseconds=1), max_number_of_attempts=MOST_ATTEMPTS
    )
    monkeypatch.setattr(execution, "RETRY", policy)


@pytest.mark.usefixtures("at_once")
def test_a_service_that_fails_again_and_again_fails_the_job(
    hub: TaskHubGrpcClient, script: Script, job: Job
) -> None:
    script.then = lambda job: storage.delete_all(paths.JOBS, job.folder.sidecar)
    start(hub, job)
    message = failure(ended(hub, job))
    assert "stitch failed" in message
    assert "sidecar.json is missing from the job's folder" in message
    assert not has_result(job)


@pytest.mark.usefixtures("at_once")
def test_what_storage_says_at_length_fails_the_job_in_a_sentence(
    hub: TaskHubGrpcClient, script: Script, clips: Clips, upload: Upload
) -> None:
    def lease_the_poster(job: Job) -> None:
        for container, name in (
            (paths.JOBS, job.folder.output(POSTER_NAME)),
            (paths.RESULTS, job.video.poster),
        ):
            storage.write(container, name, b"poster\xff\xd9", "image/jpeg")
        storage.blob(paths.RESULTS, job.video.poster).acquire_lease()

    script.then = lease_the_poster
    job = upload(clips["plain.mp4"], "leased.mp4")
    start(hub, job)
    message = failure(ended(hub, job))
    assert "stitch failed: There is currently a lease on the blob" in message
    assert "\n" not in message


def test_shards_that_were_lost_are_painted_again(
    hub: TaskHubGrpcClient, script: Script, job: Job
) -> None:
    def lose_some(job: Job) -> None:
        if script.submitted == [1]:
            storage.delete_all(paths.JOBS, job.folder.output("00001"))

    script.looks, script.then = [[COMPLETED]] * 2, lose_some
    start(hub, job)
    assert ended(hub, job).runtime_status == OrchestrationStatus.COMPLETED
    assert script.submitted == [1, 2]
    assert has_result(job)


def test_shards_that_are_lost_again_and_again_fail_the_job(
    hub: TaskHubGrpcClient, script: Script, job: Job
) -> None:
    script.looks = [[COMPLETED]] * 3
    script.then = lambda job: storage.delete_all(paths.JOBS, job.folder.output("00001"))
    start(hub, job)
    message = failure(ended(hub, job))
    assert "painting failed 3 times, the last time because: 1 painted shards were lost" in message
    assert script.submitted == [1, 2, 3]
    assert files_of(job) == []


def test_a_result_that_differs_fails_the_job_by_a_code_of_its_own(script: Script, job: Job) -> None:
    differs = Joined(
        differs="the result is not what it should be: a player reaches 3 frames, not 9"
    )
    doing = {"submit": script.submit, "poll": script.poll, "cancel": script.cancel}
    with running_hub(doing | {"stitch": lambda _: {"value": asdict(differs)}}) as running:
        start(running.client, job)
        state = ended(running.client, job)
    assert "3 frames, not 9" in failure(state)
    assert state.get_custom_status()["code"] == Code.BAD_RESULT
    assert (
        json.loads(storage.read(paths.RESULTS, job.video.report) or b"{}")["code"] == "bad-result"
    )


def test_a_video_replaced_before_its_job_fails_leaves_the_report_to_the_next(
    hub: TaskHubGrpcClient, script: Script, job: Job, upload: Upload
) -> None:
    script.then = lambda _: upload(b"another", job.name)
    start(hub, job)
    assert "was replaced by a newer upload" in failure(ended(hub, job))
    assert storage.read(paths.RESULTS, job.video.report) is None


@pytest.fixture
def others() -> Generator[Callable[..., None]]:
    """Nobody else has a place, but who is told of: a clip that holds nodes, or waits for them."""
    places = dict[Job, str]()

    def others(held: int, needs: float = 20) -> None:
        job, asked = Job.of(f"plain/other-{len(places)}.mp4", "etag"), "2026-11-24T10:00:00.0Z"
        now = time.time()
        claim = Claim(job.job_id, now, now, needs, needs, max(1, held), held, works=held > 0)
        turns.enter(job, asked)
        turns.tell(turns.Told(claim), asked)
        places[job] = asked

    def leave() -> None:
        for left_behind in turns.waiting():
            turns.leave(left_behind)

    leave()
    yield others
    leave()


def test_a_job_waits_until_there_are_nodes(
    hub: TaskHubGrpcClient, script: Script, job: Job, others: Callable[..., None]
) -> None:
    others(held=settings().aml_nodes_max, needs=240)
    start(hub, job)
    waiting = shown(hub, job, stage="queue")
    assert waiting["message"] == "begins in about 1 min: 1 job before it"
    assert script.submitted == []
    for other in set(turns.waiting()) - {job.job_id}:
        turns.leave(other)
    assert ended(hub, job).runtime_status == OrchestrationStatus.COMPLETED
    assert job.job_id not in set(turns.waiting())


def test_no_more_jobs_are_painted_at_once_than_may_be(
    hub: TaskHubGrpcClient,
    script: Script,
    job: Job,
    others: Callable[..., None],
    configure: Callable[..., None],
) -> None:
    configure(JOBS_AT_ONCE="1")
    others(held=1)
    start(hub, job)
    assert "1 job before it" in shown(hub, job, stage="queue")["message"]
    assert script.submitted == []
    for other in set(turns.waiting()) - {job.job_id}:
        turns.leave(other)
    assert ended(hub, job).runtime_status == OrchestrationStatus.COMPLETED


def test_a_job_that_gives_way_goes_on_where_it_stopped(
    hub: TaskHubGrpcClient, script: Script, job: Job
) -> None:
    gives_way = replace(RUNNING, hold=0, gives_way=2)
    script.looks = [[RUNNING, gives_way, CANCELED], [COMPLETED]]
    start(hub, job)
    assert ended(hub, job).runtime_status == OrchestrationStatus.COMPLETED
    assert (script.submitted, script.cancelled) == ([1, 2], 2)
    assert script.seen[-1].gave_way == script.seen[-1].changes == 1


def test_a_job_that_gets_other_nodes_has_the_new_ones_at_once(
    hub: TaskHubGrpcClient, script: Script, job: Job
) -> None:
    script.looks = [[replace(RUNNING, hold=3), CANCELED], [replace(RUNNING, hold=3, gives_way=2)]]
    start(hub, job)
    status = shown(hub, job, stage="score", nodes=3)
    hub.raise_orchestration_event(job.job_id, CANCEL_EVENT)
    assert ended(hub, job).get_output() == {"stage": "cancelled"}
    assert (status["gives_way"], status["attempt"]) == (2, 1)
    assert next(each.held for each in script.seen if each.attempt == 2) == 3
    assert script.seen[-1].gave_way == 0


def test_a_job_that_is_done_before_it_gives_way_is_not_painted_again(
    hub: TaskHubGrpcClient, script: Script, job: Job
) -> None:
    script.looks = [[replace(RUNNING, hold=0), COMPLETED]]
    start(hub, job)
    assert ended(hub, job).runtime_status == OrchestrationStatus.COMPLETED
    assert script.submitted == [1]


def test_giving_way_counts_neither_as_an_attempt_nor_as_a_loss(
    hub: TaskHubGrpcClient, script: Script, job: Job
) -> None:
    often = 2 * MOST_ATTEMPTS
    script.looks = [[replace(RUNNING, hold=0), CANCELED]] * often + [[LOST], [COMPLETED]]
    start(hub, job)
    assert ended(hub, job).runtime_status == OrchestrationStatus.COMPLETED
    assert script.submitted == list(range(1, often + 3))


def test_a_job_that_is_cancelled_while_it_gives_way_is_cancelled(
    hub: TaskHubGrpcClient, script: Script, job: Job, others: Callable[..., None]
) -> None:
    script.looks = [[replace(RUNNING, hold=0), CANCELED]]
    script.then = lambda _: others(held=settings().aml_nodes_max)
    start(hub, job)
    shown(hub, job, stage="queue")
    hub.raise_orchestration_event(job.job_id, CANCEL_EVENT)
    assert ended(hub, job).get_output() == {"stage": "cancelled"}
    assert files_of(job) == []
