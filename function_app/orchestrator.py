"""The orchestrations of one job: cancelled, failed or done.

    restyle      preprocess a video, wait for its style if that is being made, paint, stitch
    learn_style  prepare a painting or checkpoint, make a style of it, publish it

One instance a job, and no child: its custom status is what the durable status endpoint shows, its
id is where the cancel event goes, and ending it ends everything.

An instance that runs while the app is upgraded replays its history on the new code. So a change of
the steps, or of their order, holds only for instances of the `VERSION` that brought it
(`Lifecycle.is_of`); recorded histories of all versions are replayed by the tests.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, override

import azure.durable_functions as df
from durabletask.task import OrchestrationContext

from function_app import pace
from function_app.activities import Look
from function_app.compute.submission import MOST_ATTEMPTS
from function_app.errors import Code, InputError, ServiceError
from function_app.execution import Steps
from function_app.lifecycle import POLLS_PER_HISTORY, Lifecycle
from function_app.stages.stitch import Joined
from function_app.store.jobs import Stage, State, Status, Work

blueprint = df.Blueprint()

ORCHESTRATOR = "restyle"
LEARNER = "learn_style"
VERSION = 3
"""Of the steps, given to each instance at its start; one without was started under version 1.

The Functions host runs no instance of a later version than host.json's `defaultVersion`, and
compares whole numbers letter by letter: to it 10 is earlier than 9. So after 9 come "9.10" and
"9.11", which it compares number by number; `Lifecycle.is_of` must read those then.
https://github.com/Azure/durabletask/blob/main/src/DurableTask.Core/Settings/VersioningSettings.cs
"""


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


@blueprint.orchestration_trigger(context_name="context")
def learn_style(
    context: OrchestrationContext, payload: dict[str, Any]
) -> Steps[dict[str, Any] | None]:
    """Make one style.

    Returns:
        The outcome: stage and style; None when it continues as new.

    Raises:
        InputError: the painting or checkpoint cannot be used.
        ServiceError: a service failed again and again.
    """
    return (yield from _Learning(context, State.from_dict(payload)).run())


class _Restyling(Lifecycle):
    """Paints a video."""

    stage = Stage.SCORE
    doing = "painting"

    @override
    def _prepare(self) -> Steps[None]:
        self._show(self._standing.said(Stage.PREPROCESS, "reading the video"))
        found = yield from self._call("preprocess", asdict(self.state.job))
        self.state = replace(self.state, work=Work.from_dict(found))

    @override
    def _wait(self) -> Steps[None]:
        """Wait for the style, where it is being made."""
        if not self._standing.work.awaits_style:
            return
        for polls in range(POLLS_PER_HISTORY):
            self._stop_if_cancelled()
            if not (waits := (yield from self._call("await_style", asdict(self.state.job)))):
                return
            self._show(self._standing.said(Stage.WAIT, waits))
            self._give_up_waiting()
            yield from self._pause(pace.pause_after(polls + 1, self.terms))
        self._continue()

    def _give_up_waiting(self) -> None:
        """Raise InputError when the style is overdue: its job may have been lost."""
        now = self._context.current_utc_datetime
        if not self.state.waits_until:
            overdue = now + MOST_ATTEMPTS * timedelta(hours=self.terms.timeout_hours)
            self.state = replace(self.state, waits_until=overdue.isoformat())
        elif now > datetime.fromisoformat(self.state.waits_until):
            raise InputError(
                f"the style {self.state.job.style!r} is not ready after the time that its making "
                "may take: upload its painting again, and then the video",
                Code.UNUSABLE_STYLE,
            )

    @override
    def _finish(self) -> Steps[dict[str, Any]]:
        """Join the shards; paint again what was lost."""
        while (joined := (yield from self._stitch())).lost:
            yield from self._submit_again(f"{joined.lost} painted shards were lost")
            yield from self._score()
        if joined.differs:
            raise ServiceError(joined.differs, Code.BAD_RESULT)
        return (yield from self._end_painted(joined))

    def _stitch(self) -> Steps[Joined]:
        self._stop_if_cancelled()
        self._show(self._standing.painted(Stage.STITCH, "joining the shards"))
        answer = yield from self._call("stitch", asdict(self.state.job))
        # In histories of version 1 the answer is the note alone.
        return Joined(answer) if isinstance(answer, str) else Joined(**answer)

    def _end_painted(self, joined: Joined) -> Steps[dict[str, Any]]:
        job, work = self.state.job, self._standing.work
        yield from self._call("clean_up", self.state.to_dict())
        notes = (*work.notes, *([joined.note] if joined.note else []))
        # A job that was joined before results had places of their own has the first.
        first = job.video.lines if work.makes_lines else job.video.painted
        self._show(replace(self._standing.painted(Stage.DONE, "painted"), notes=notes))
        return {
            "stage": str(Stage.DONE),
            "result": joined.result or first,
            "frames": work.frames,
            "notes": list(notes),
        }


class _Learning(Lifecycle):
    """Makes a style of a painting or a checkpoint."""

    stage = Stage.LEARN
    doing = "making the style"

    @override
    def _prepare(self) -> Steps[None]:
        self._show(self._standing.said(Stage.PREPROCESS, "reading the upload"))
        found = yield from self._call("prepare_style", asdict(self.state.job))
        self.state = replace(self.state, work=Work.from_dict(found))

    @override
    def _finish(self) -> Steps[dict[str, Any]]:
        self._stop_if_cancelled()
        yield from self._call("publish_style", asdict(self.state.job))
        yield from self._call("clean_up", self.state.to_dict())
        self._show(self._standing.painted(Stage.DONE, "ready to paint"))
        return {"stage": str(Stage.DONE), "style": self.state.job.style}

    @override
    def _end_cancelled(self) -> Steps[dict[str, Any]]:
        """Say so where the videos look that wait for the style."""
        job = self.state.job
        message = f"making the style was cancelled: upload {job.name} again to make it"
        failure = {"job": asdict(job), "code": Code.UNUSABLE_STYLE, "message": message}
        yield from self._call("report_failure", failure)
        return (yield from super()._end_cancelled())

    @override
    def _painting(self, look: Look) -> Status:
        """Parts of a budget are no frames, and have no rate that means anything to people."""
        return replace(super()._painting(look), fps=None)
