"""The activities: what the orchestration does to the world, each safe to do again.

An activity answers with a value or with a refusal. The input's fault is a refusal, so that no retry
policy sees it; everything that an activity raises is the world's fault and is tried again.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import PurePosixPath
from typing import Any, Self

import azure.durable_functions as df

from function_app.compute import submission
from function_app.errors import Code, InputError, ServiceError
from function_app.host import logs, telemetry
from function_app.scheduling import cost
from function_app.settings import settings
from function_app.stages import isolation, learning
from function_app.store import (
    paths,
    results,
    shares,
    spend,
    storage,
    styles,
    turns,
    uploads,
    worker,
)
from function_app.store.jobs import Job, State, Work
from function_app.store.paths import JobFolder
from gpu_worker.plan import BUDGET_PARTS, Failure

blueprint = df.Blueprint()

LOST_AFTER = timedelta(minutes=10)
"""From the plan of a video that waits: in which the making of its style must have begun."""

log = logging.getLogger(__name__)

type Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a running job shows.

    Attributes:
        state: of the Azure Machine Learning job.
        frames: painted in this attempt so far.
        fps: frames painted a second at present, all ranks together.
        fault: "input" or "world", once the worker has given up.
        message: the worker's sentence about it.
        code: of the error, where the worker gave one.
        age: seconds since the frames were counted.
        left: node-seconds of painting that are left, as measured; None if nobody knows.
        hold: nodes that the job is to hold from now on; None where it has ended.
        gives_way: to how many clips, while it has fewer nodes than it could use.
    """

    state: str
    frames: int = 0
    fps: float = 0.0
    fault: str = ""
    message: str = ""
    code: str = Code.UNPAINTABLE_VIDEO
    age: float = 0.0
    left: float | None = None
    hold: int | None = None
    gives_way: int = 0


@dataclass(frozen=True, slots=True)
class Grant:
    """What came of the wish for nodes.

    Attributes:
        nodes: that the job holds from now on; 0 if it has to wait.
        spending_day: under which its cost is kept; empty if the day has no room for it.
        wait: why it has to wait, a sentence.
        gives_way: to how many clips.
    """

    nodes: int = 0
    spending_day: str = ""
    wait: str = ""
    gives_way: int = 0


@dataclass(frozen=True, slots=True)
class Submission:
    """What came of the wish to submit an attempt.

    Attributes:
        frames: painted before it.
        spending_day: under which the job's cost is kept; empty if it has to wait.
        wait: why nothing was submitted yet, a sentence; empty if it was.
    """

    frames: int = 0
    spending_day: str = ""
    wait: str = ""

    @classmethod
    def read(cls, answer: dict[str, Any] | int) -> Self:
        """Read what `submit` answered; in the first version that was the frames alone."""
        return cls(answer) if isinstance(answer, int) else cls(**answer)


def _answering(activity: Callable[[Payload], Any]) -> Callable[[Payload], Payload]:
    """Answer {"value": ...}, or {"refused": sentence, "code": ...} for the input's fault."""

    @wraps(activity)
    def wrapped(payload: Payload) -> Payload:
        job_id = (payload.get("job") or payload)["job_id"]
        with logs.about(job_id), telemetry.span(activity.__name__, job_id):
            try:
                return {"value": activity(payload)}
            except InputError as error:
                return {"refused": str(error), "code": error.code}

    # The Functions worker indexes no function whose annotations are more than plain classes.
    wrapped.__annotations__ = {"payload": dict, "return": dict}
    return wrapped


@blueprint.activity_trigger(input_name="payload")
@_answering
def preprocess(payload: Payload) -> Payload:
    """Prove the video usable, plan its painting; the value is a `Work`."""
    work = isolation.run("preprocess", Job(**payload))
    log.info("frames to be painted: %d, nodes: %d", work["frames"], work["nodes"])
    return work


@blueprint.activity_trigger(input_name="payload")
@_answering
def take_turn(payload: Payload) -> int:
    """Take a place; return how many jobs must end before it is the turn of one of version 2."""
    state = State.from_dict(payload)
    return turns.jobs_ahead(state.job, state.started)


@blueprint.activity_trigger(input_name="payload")
@_answering
def take_nodes(payload: Payload) -> Payload:
    """Take nodes for the next attempt, if there are any for the job; the value is a `Grant`."""
    state = State.from_dict(payload)
    turns.enter(state.job, state.started)
    day, wait = _spending(state)
    if wait:
        return asdict(Grant(wait=wait))
    share = shares.take(state)
    return asdict(Grant(share.nodes, day, share.wait, share.gives_way))


@blueprint.activity_trigger(input_name="payload")
@_answering
def await_style(payload: Payload) -> str:
    """Look whether a video's style is made; return a sentence while it is not."""
    job = Job(**payload)
    style = styles.usable(job.style)
    if not style.job_id:
        return ""
    if _is_lost(style.job_id, job):
        raise InputError(
            f"the making of the style {style.name!r} has stopped without a word: "
            "learn it again, and then upload the video again",
            Code.UNUSABLE_STYLE,
        )
    told = worker.told(JobFolder(style.job_id))
    return f"waits for the style {style.name}, of whose making {_share_made(told)}"


def _share_made(told: worker.Told | None) -> str:
    """Say how much of a style is made, and how long the rest takes as far as that is known."""
    done = told.progress.frames if told else 0
    said = f"{done} % is done"
    if told is None or told.progress.frames_per_second <= 0:
        return said
    left_s = (BUDGET_PARTS - done) / told.progress.frames_per_second - told.age
    return f"{said}: about {max(1, round(left_s / 60))} min are left"


@blueprint.activity_trigger(input_name="payload")
@_answering
def prepare_style(payload: Payload) -> Payload:
    """Prove the painting or checkpoint usable; the value is a `Work`."""
    return asdict(learning.prepare(Job(**payload)))


@blueprint.activity_trigger(input_name="payload")
@_answering
def publish_style(payload: Payload) -> None:
    """Put the style that was made where videos are painted in it."""
    learning.publish(Job(**payload))


@blueprint.activity_trigger(input_name="payload")
@_answering
def submit(payload: Payload) -> Payload:
    """Submit one attempt at painting, if the day's spending allows; the value is a `Submission`."""
    state = State.from_dict(payload)
    attempt = _attempt(state)
    day, wait = _spending(state)
    if wait:
        return asdict(Submission(wait=wait))
    is_there = submission.state(attempt.name) != submission.MISSING
    frames = worker.frames_painted(state.job) if is_there else _start(attempt)
    return asdict(Submission(frames, day))


@blueprint.activity_trigger(input_name="payload")
@_answering
def poll(payload: Payload) -> Payload:
    """Look at one attempt; the value is a `Look`."""
    state = State.from_dict(payload)
    job, attempt = state.job, _attempt(state)
    # First of all: once the state is final, what the worker had to say is in storage.
    state_of_job = submission.state(attempt.name)
    told = worker.told(job.folder)
    is_over = state_of_job in submission.FINAL
    failure = worker.failure(job) if is_over else None
    left = _left(attempt.work, state.frames_before, told)
    share = _share(state, state_of_job, left)
    return asdict(
        Look(
            state_of_job,
            told.progress.frames if told else 0,
            told.progress.frames_per_second if told else 0.0,
            failure.fault if failure else "",
            _called_as_uploaded(failure.message, state) if failure else "",
            _code(failure),
            told.age if told else 0.0,
            left,
            share.nodes if share else None,
            share.gives_way if share else 0,
        )
    )


@blueprint.activity_trigger(input_name="payload")
@_answering
def cancel(payload: Payload) -> bool:
    """Cancel what paints this job, or from a state's attempt on; return whether it has ended."""
    if "job" not in payload:
        return submission.cancel_all(payload["job_id"])
    state = State.from_dict(payload)
    return submission.cancel_all(state.job.job_id, state.attempt)


@blueprint.activity_trigger(input_name="payload")
@_answering
def stitch(payload: Payload) -> Payload:
    """Join the shards into the result; the value is a `Joined`."""
    joined = isolation.run("stitch", Job(**payload))
    if joined["lost"]:
        log.warning("%d shards were lost and are painted again", joined["lost"])
    else:
        log.info("is painted and joined")
    return joined


@blueprint.activity_trigger(input_name="payload")
@_answering
def report_failure(payload: Payload) -> None:
    """Leave a sentence about the failure where the uploader looks for the result.

    A video that was replaced has another job by now, whose result or failure belongs there.
    """
    job = Job(**payload["job"])
    log.error("failed (%s): %s", payload["code"], payload["message"])
    if job.makes_style:
        learning.report(job, payload["message"], payload["code"])
        return
    if uploads.is_replaced(job):
        return
    results.report(job, payload["message"], payload["code"])


@blueprint.activity_trigger(input_name="payload")
@_answering
def clean_up(payload: Payload) -> None:
    """Delete everything of a job that has ended, but its result; write down what it came to."""
    # The first version of the orchestration passed the job alone.
    state = State.from_dict(payload) if "job" in payload else State(Job(**payload))
    spent = cost.price_of(state.node_seconds, settings().price)
    if state.spending_day and spent is not None:
        spend.record(state.spending_day, state.job.job_id, spent)
    storage.delete_all(paths.JOBS, state.job.folder.root)
    turns.leave(state.job.job_id)
    log.info("has ended; its nodes were at work for %.0f s", state.node_seconds)


def _is_lost(maker: str, job: Job) -> bool:
    """Whether nothing makes the style that a video has waited for, though it had time to begin.

    Who makes it has a folder from its first step until the style or the report is there.
    """
    if next(storage.names(paths.JOBS, JobFolder(maker).root), None):
        return False
    planned = storage.read_dated(paths.JOBS, job.folder.plan)
    return planned is not None and datetime.now(UTC) - planned[1] > LOST_AFTER


def _attempt(state: State) -> submission.Attempt:
    if state.work is None:
        raise ServiceError(f"{state.job.job_id} is to be painted before it was planned")
    nodes = state.held or state.work.nodes
    return submission.Attempt(state.job, replace(state.work, nodes=nodes), state.attempt)


def _spending(state: State) -> tuple[str, str]:
    """Set the job's cost aside, once; return under which day, and why it has to wait if it has."""
    if state.spending_day:
        return state.spending_day, ""
    day = spend.today()
    return day, _no_room(_attempt(state), day)


def _no_room(attempt: submission.Attempt, day: str) -> str:
    """Set the job's cost aside; return why it has to wait, empty if it has not."""
    limits, amount = settings(), attempt.work.estimate
    if amount is None:
        return ""
    most = limits.max_cost_per_day or math.inf
    others = spend.set_aside(day, attempt.job.job_id, amount, most)
    if others is None:
        return ""
    return (
        f"waits: with its {amount:.2f} {limits.price_currency} today's jobs would come to "
        f"{others + amount:.2f}, more than the {most:.2f} for a day; it starts when others have "
        "cost less than was set aside for them, or tomorrow"
    )


def _start(attempt: submission.Attempt) -> int:
    """Submit an attempt; return how many frames are painted before it."""
    uploads.check_current(attempt.job)
    frames = 0  # before the first, nothing can be there
    if attempt.number > 1:
        worker.forget_attempt(attempt.job)
        frames = worker.frames_painted(attempt.job)
    submission.submit(attempt)
    log.info("attempt %d is submitted", attempt.number)
    return frames


def _share(state: State, state_of_job: str, left: float | None) -> shares.Share | None:
    """Tell the others how the job stands; return what it is to hold, None once it has ended."""
    if not state.started:
        return None  # under version 1 jobs had no places
    if state_of_job == submission.COMPLETED:
        turns.give_back(state.job, state.started)
    if state_of_job in submission.FINAL:
        return None
    return shares.take(state, works=state_of_job not in submission.WAITING, left=left)


def _left(work: Work, before: int, told: worker.Told | None) -> float | None:
    """Return how many node-seconds are left, as far as the present nodes have shown.

    Args:
        work: that is being done, and on how many nodes.
        before: frames that were painted before this attempt.
        told: by the worker.
    """
    if told is None or not told.progress.frames_per_second:
        return None
    frames = work.frames - before - told.progress.frames
    return max(0.0, frames / told.progress.frames_per_second - told.age) * work.nodes


def _called_as_uploaded(sentence: str, state: State) -> str:
    """Name the uploaded file in a worker's sentence, where that read a copy under another name."""
    source = PurePosixPath(state.work.source_blob).name if state.work else ""
    return sentence.replace(source, PurePosixPath(state.job.name).name) if source else sentence


def _code(failure: Failure | None) -> Code:
    """Return the code that the worker gave, if this app knows it."""
    try:
        return Code(failure.code) if failure else Code.UNPAINTABLE_VIDEO
    except ValueError:
        return Code.UNPAINTABLE_VIDEO
