"""The orchestration of one job: preprocess, paint, stitch; cancelled, failed or done.

One instance a job, and no child: its custom status is what the durable status endpoint shows, its
id is where the cancel event goes, and ending it ends everything. Polling would let the history
grow without bound, so the painting continues as new every few dozen polls.

An instance that runs while the app is upgraded replays its history on the new code. So a change of
the steps, or of their order, holds only for instances of the `VERSION` that brought it
(`_Restyling._is_of`); recorded histories of all versions are replayed by the tests.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
from durabletask.task import OrchestrationContext, RetryPolicy, Task, TaskFailedError, when_any

from function_app import compute
from function_app.activities import Look
from function_app.compute import MOST_ATTEMPTS
from function_app.errors import Code, InputError, ServiceError
from function_app.jobs import Stage, State, Status, Work
from function_app.settings import settings
from function_app.stitch import Joined

blueprint = df.Blueprint()

ORCHESTRATOR = "restyle"
CANCEL_EVENT = "cancel"
VERSION = 2
"""Of the steps, given to each instance at its start; one without was started under version 1."""

POLLS_PER_HISTORY = 50
FIRST_POLLS = timedelta(seconds=1)
CANCEL_POLLS = 120

RETRY = RetryPolicy(
    first_retry_interval=timedelta(seconds=2),
    max_number_of_attempts=MOST_ATTEMPTS,
    backoff_coefficient=4.0,
    max_retry_interval=timedelta(minutes=1),
)

type Steps[T] = Generator[Task[Any], Any, T]


class _ContinuedAsNew(Exception):  # noqa: N818 - no error
    """This execution ends here; the next goes on with the state that it was given."""


class _Cancelled(Exception):  # noqa: N818 - no error
    """The user wants the job ended."""


@blueprint.orchestration_trigger(context_name="context")
def restyle(context: OrchestrationContext, payload: dict[str, Any]) -> Steps[dict[str, Any] | None]:
    """Bring one job to its end.

    Returns:
        The outcome: stage, result, frames and notes; None when it continues as new.

    Raises:
        InputError: the video or the style cannot be used.
        ServiceError: a service failed again and again.
    """
    return (yield from _Restyling(context, State.from_dict(payload)).run())


class _Restyling:
    """One execution of the orchestration.

    Attributes:
        state: what survives into the next execution.
    """

    def __init__(self, context: OrchestrationContext, state: State) -> None:
        self._context = context
        self.state = state
        # Waited for once and for all: a wait made anew would miss an event that came before it.
        self._cancelled = context.wait_for_external_event(CANCEL_EVENT)

    def run(self) -> Steps[dict[str, Any] | None]:
        try:
            return (yield from self._stages())
        except _ContinuedAsNew:
            return None
        except _Cancelled:
            return (yield from self._end_cancelled())
        except (InputError, ServiceError) as error:
            yield from self._end_failed(error)
            raise

    def _stages(self) -> Steps[dict[str, Any]]:
        if self.state.work is None:
            yield from self._preprocess()
        while True:
            yield from self._paint()
            joined = yield from self._stitch()
            if not joined.lost:
                return (yield from self._finish(joined.note))
            yield from self._submit_again(f"{joined.lost} painted shards were lost")

    def _preprocess(self) -> Steps[None]:
        self._show(Status(Stage.PREPROCESS, message="reading the video"))
        found = yield from self._call("preprocess", asdict(self.state.job))
        self.state = replace(self.state, work=Work.from_dict(found))

    def _paint(self) -> Steps[None]:
        """Submit attempts until one has painted every frame."""
        while True:
            if not self.state.attempt:
                yield from self._submit()
            look = yield from self._watch()
            if look.state == compute.COMPLETED:
                return
            if look.state == compute.CANCELED:
                raise _Cancelled
            if look.fault == "input":
                raise InputError(look.message, Code(look.code))
            yield from self._submit_again(
                look.message or f"the Azure Machine Learning job ended as {look.state}"
            )

    def _submit_again(self, reason: str) -> Steps[None]:
        """Submit one more attempt, unless there were enough.

        Raises:
            ServiceError: there were.
        """
        if self.state.attempt == MOST_ATTEMPTS:
            raise ServiceError(
                f"painting failed {MOST_ATTEMPTS} times, the last time because: {reason}",
                Code.PAINTING_FAILED,
            )
        yield from self._submit()

    def _submit(self) -> Steps[None]:
        self._stop_if_cancelled()
        self.state = replace(self.state, attempt=self.state.attempt + 1)
        frames = yield from self._call("submit", self.state.to_dict())
        self.state = replace(self.state, frames_before=frames)

    def _watch(self) -> Steps[Look]:
        """Poll the present attempt until it has ended."""
        for polls in range(POLLS_PER_HISTORY):
            self._stop_if_cancelled()
            look = Look(**(yield from self._call("poll", self.state.to_dict())))
            self._show(self._painting(look))
            if look.state in compute.FINAL:
                return look
            yield from self._pause(polls)
        self._stop_if_cancelled()
        self._context.continue_as_new(self.state.to_dict(), save_events=True)
        raise _ContinuedAsNew

    def _pause(self, polls: int) -> Steps[None]:
        """Wait for the next poll, or for the cancel event; wait less at first."""
        usual = timedelta(seconds=settings().poll_seconds)
        timer = self._context.create_timer(min(usual, FIRST_POLLS * (polls + 1)))
        winner = yield when_any([timer, self._cancelled])
        if winner is self._cancelled:
            timer.cancel()

    def _stitch(self) -> Steps[Joined]:
        self._stop_if_cancelled()
        self._show(self._all_painted(Stage.STITCH, "joining the shards"))
        answer = yield from self._call("stitch", asdict(self.state.job))
        # In histories of version 1 the answer is the note alone.
        return Joined(answer) if isinstance(answer, str) else Joined(**answer)

    def _finish(self, note: str) -> Steps[dict[str, Any]]:
        job, work = self.state.job, self._work
        yield from self._call("clean_up", asdict(job))
        notes = (*work.notes, *([note] if note else []))
        self._show(replace(self._all_painted(Stage.DONE, "painted"), notes=notes))
        return {
            "stage": str(Stage.DONE),
            "result": job.video.painted,
            "frames": work.frames,
            "notes": list(notes),
        }

    def _end_cancelled(self) -> Steps[dict[str, Any]]:
        """End what paints before deleting its output, else it would be written again."""
        job = asdict(self.state.job)
        self._show(Status(Stage.CANCELLED, message="ending what paints"))
        for _ in range(CANCEL_POLLS):
            if (yield from self._call("cancel", job)):
                break
            yield self._context.create_timer(FIRST_POLLS)
        yield from self._call("clean_up", job)
        self._show(Status(Stage.CANCELLED, message="cancelled"))
        return {"stage": str(Stage.CANCELLED)}

    def _end_failed(self, error: InputError | ServiceError) -> Steps[None]:
        job, message = asdict(self.state.job), str(error)
        failure = {"job": job, "code": error.code, "message": message}
        yield from self._call("report_failure", failure)
        yield from self._call("clean_up", job)
        total = self.state.work.frames if self.state.work else 0
        attempt = self.state.attempt
        self._show(
            Status(Stage.FAILED, total=total, attempt=attempt, message=message, code=error.code)
        )

    def _call(self, activity: str, payload: dict[str, Any]) -> Steps[Any]:
        """Call an activity; give its value or raise whose fault it was.

        Raises:
            InputError: the activity refused the input.
            ServiceError: it failed on every attempt.
        """
        try:
            answer = yield self._context.call_activity(activity, input=payload, retry_policy=RETRY)
        except TaskFailedError as error:
            raise ServiceError(f"{activity} failed: {error.details.message}") from error
        if "refused" in answer:
            # In histories of version 1 a refusal has no code.
            raise InputError(answer["refused"], Code(answer.get("code", Code.UNPAINTABLE_VIDEO)))
        return answer["value"]

    def _is_of(self, version: int) -> bool:
        """Whether this instance was started under that version of the steps, or a later one."""
        return int(self._context.version or 1) >= version

    def _stop_if_cancelled(self) -> None:
        if self._cancelled.is_complete:
            raise _Cancelled

    @property
    def _work(self) -> Work:
        if self.state.work is None:
            raise ServiceError(f"{self.state.job.job_id} was never planned")
        return self.state.work

    def _painting(self, look: Look) -> Status:
        work, state = self._work, self.state
        done = min(work.frames, state.frames_before + look.frames)
        left = (work.frames - done) / look.fps if look.fps else None
        stage = Stage.QUEUE if look.state in compute.WAITING else Stage.SCORE
        return Status(
            stage,
            done,
            work.frames,
            round(look.fps, 2) if look.fps else None,
            None if left is None else round(left, 1),
            state.attempt,
            work.nodes,
            f"Azure Machine Learning: {look.state}",
            work.notes,
        )

    def _all_painted(self, stage: Stage, message: str) -> Status:
        work = self._work
        return Status(
            stage,
            work.frames,
            work.frames,
            attempt=self.state.attempt,
            nodes=work.nodes,
            message=message,
            notes=work.notes,
        )

    def _show(self, status: Status) -> None:
        self._context.set_custom_status(status.to_dict())
