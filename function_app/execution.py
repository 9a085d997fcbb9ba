"""One execution of an orchestration: how it calls, waits, is cancelled, and goes on in the next.

A history that grew without bound would be replayed ever more slowly, so an execution that waits for
long ends, and hands what it knows to a new one.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import timedelta
from typing import Any, NoReturn

from durabletask.task import (
    OrchestrationContext,
    RetryPolicy,
    Task,
    TaskFailedError,
    TimerTask,
    when_any,
)

from function_app import pace
from function_app.compute.submission import MOST_ATTEMPTS
from function_app.errors import Code, InputError, ServiceError
from function_app.store.jobs import State, Status

CANCEL_EVENT = "cancel"

RETRY = RetryPolicy(
    first_retry_interval=timedelta(seconds=2),
    max_number_of_attempts=MOST_ATTEMPTS,
    backoff_coefficient=4.0,
    max_retry_interval=timedelta(minutes=1),
)

type Steps[T] = Generator[Task[Any], Any, T]


class ContinuedAsNew(Exception):  # noqa: N818 - no error
    """This execution ends here; the next goes on with the state that it was given."""


class Cancelled(Exception):  # noqa: N818 - no error
    """The user wants the job ended."""


class Execution:
    """One execution of an orchestration.

    Attributes:
        state: what survives into the next execution.
    """

    def __init__(self, context: OrchestrationContext, state: State) -> None:
        """Begin where the last execution ended."""
        self._context = context
        self.state = state
        # Waited for once and for all: a wait made anew would miss an event that came before it.
        self._cancelled = context.wait_for_external_event(CANCEL_EVENT)

    def is_of(self, version: int) -> bool:
        """Whether this instance was started under that version of the steps, or a later one."""
        return int(self._context.version or 1) >= version

    def _call(self, activity: str, payload: dict[str, Any]) -> Steps[Any]:
        """Call an activity; give its value or raise whose fault it was.

        Raises:
            InputError: the activity refused the input.
            ServiceError: it failed on every attempt.
        """
        try:
            answer = yield self._context.call_activity(activity, input=payload, retry_policy=RETRY)
        except TaskFailedError as error:
            # Below its sentence, Azure's client quotes the whole answer.
            sentence, _, _ = error.details.message.strip().partition("\n")
            raise ServiceError(f"{activity} failed: {sentence}") from error
        if "refused" in answer:
            # In histories of version 1 a refusal has no code.
            raise InputError(answer["refused"], Code(answer.get("code", Code.UNPAINTABLE_VIDEO)))
        return answer["value"]

    def _show(self, status: Status) -> None:
        self._context.set_custom_status(status.to_dict())

    def _pause(self, duration: timedelta) -> Steps[None]:
        """Wait for a while, or for the cancel event."""
        timer = self._timer(duration)
        winner = yield when_any([timer, self._cancelled])
        if winner is self._cancelled:
            timer.cancel()

    def _timer(self, duration: timedelta) -> TimerTask:
        """Make a timer of whole ticks, and of half a one that the time until it is set may take."""
        return self._context.create_timer((max(1, round(duration / pace.TICK)) + 0.5) * pace.TICK)

    def _continue(self) -> NoReturn:
        """Go on in a new history."""
        self._stop_if_cancelled()
        self._context.continue_as_new(self.state.to_dict(), save_events=True)
        raise ContinuedAsNew

    def _stop_if_cancelled(self) -> None:
        if self._cancelled.is_complete:
            raise Cancelled
