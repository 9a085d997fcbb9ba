"""What every job goes through: its turn, attempts on Azure Machine Learning, limits, its end.

All that is decided here is decided again in each replay: by the history, and by the terms
that the job was started on, which no later change of a setting touches.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, timedelta
from typing import Any, ClassVar

from durabletask.task import OrchestrationContext

from function_app import limits, pace
from function_app.activities import Grant, Look, Submission
from function_app.compute import submission
from function_app.compute.submission import MOST_ATTEMPTS
from function_app.errors import Code, InputError, ServiceError
from function_app.execution import Cancelled, ContinuedAsNew, Execution, Steps
from function_app.settings import settings
from function_app.standing import Standing
from function_app.store.jobs import Stage, State, Status, Terms

POLLS_PER_HISTORY = 50
LONGEST_WAIT = timedelta(minutes=5)
CANCEL_POLLS = 120
ROOM_POLLS = timedelta(minutes=1)


class Lifecycle(Execution):
    """One execution of an orchestration whose work is done by Azure Machine Learning.

    Attributes:
        terms: that the job was started on.
        stage: while the nodes are at work.
        doing: what they do, for people.
    """

    stage: ClassVar[Stage]
    doing: ClassVar[str]

    def __init__(self, context: OrchestrationContext, state: State) -> None:
        """Begin where the last execution ended."""
        # A job that was started before there were terms goes by the present settings.
        self.terms = state.terms or Terms.of(settings())
        super().__init__(context, replace(state, terms=self.terms))

    def run(self) -> Steps[dict[str, Any] | None]:
        """Bring the job to its end; return the outcome, None when it continues as new."""
        try:
            return (yield from self._stages())
        except ContinuedAsNew:
            return None
        except Cancelled:
            return (yield from self._end_cancelled())
        except (InputError, ServiceError) as error:
            yield from self._end_failed(error)
            raise

    def _stages(self) -> Steps[dict[str, Any]]:
        if self.state.work is None:
            yield from self._prepare()
        if not self.state.attempt:
            yield from self._wait()
        if self.is_of(2) and not self.state.attempt:
            yield from self._ask()
        yield from self._score()
        return (yield from self._finish())

    def _prepare(self) -> Steps[None]:
        """Find out what there is to do."""
        raise NotImplementedError

    def _wait(self) -> Steps[None]:
        """Wait for what the first attempt needs."""
        yield from ()

    def _finish(self) -> Steps[dict[str, Any]]:
        """Make the result of what the worker left; return the outcome."""
        raise NotImplementedError

    def _ask(self) -> Steps[None]:
        """Note when the job first asked for its turn; under version 2, wait for it."""
        if not self.state.started:
            moment = self._context.current_utc_datetime
            self.state = replace(self.state, started=f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}")
            self._hold(0)
        if not self.is_of(3):
            yield from self._wait_for_turn()

    def _wait_for_turn(self) -> Steps[None]:
        """Wait until so few jobs are ahead that this one may be painted."""
        for _ in range(POLLS_PER_HISTORY):
            self._stop_if_cancelled()
            ahead = yield from self._call("take_turn", self.state.to_dict())
            if not ahead:
                return
            waits = f"{ahead} jobs are to end before this one is painted"
            self._show(self._standing.said(Stage.QUEUE, message=waits))
            yield from self._pause(min(LONGEST_WAIT, ahead * pace.usual_pause(self.terms)))
        self._continue()

    def _score(self) -> Steps[None]:
        """Submit attempts until one has completed."""
        if not self._has_attempt:
            yield from self._submit()
        while True:
            look = yield from self._watch()
            if look.state == submission.COMPLETED:
                self._hold(0)
                return
            if look.hold is not None:
                yield from self._submit_with(look.hold, self._standing.done(look))
                continue
            if look.state == submission.CANCELED:
                raise Cancelled
            if look.fault == "input":
                raise InputError(look.message, Code(look.code))
            if look.fault and Code(look.code) is Code.NO_GPU:  # as on the next node
                raise ServiceError(look.message, Code.NO_GPU)
            if self._lost_its_nodes(look):
                yield from self._submit_elsewhere()
            else:
                yield from self._submit_again(
                    look.message or f"the Azure Machine Learning job ended as {look.state}"
                )

    @property
    def _has_attempt(self) -> bool:
        """Whether an attempt was submitted that has not completed."""
        return bool(self.state.held if self.is_of(3) else self.state.attempt)

    def _hold(self, nodes: int) -> None:
        """Hold so many nodes from now on; none where the job has to wait."""
        if not self.is_of(3):
            return
        now = self._context.current_utc_datetime.replace(tzinfo=UTC)
        self.state = replace(self.state, held=nodes, since=now.timestamp())

    def _submit_with(self, nodes: int, done: int) -> Steps[None]:
        """Submit one more attempt, with more or fewer nodes, which does not count."""
        state = self.state
        self.state = replace(
            state,
            changes=state.changes + 1,
            gave_way=state.gave_way + (nodes < state.held),
            frames_before=done,
        )
        self._hold(nodes)
        yield from self._submit()

    def _lost_its_nodes(self, look: Look) -> bool:
        """Whether an attempt failed since its nodes were taken away.

        Where they may be, one that ended without a word from the worker is taken for such; the
        service says no more.
        """
        failed = look.state == submission.FAILED
        return self.terms.low_priority and failed and not look.fault

    def _submit_elsewhere(self) -> Steps[None]:
        """Submit one more attempt that does not count, unless nodes were lost too often.

        Raises:
            ServiceError: they were.
        """
        most = self.terms.max_preemptions
        if self.state.preemptions == most:
            raise ServiceError(
                f"the nodes were taken away {most + 1} times, as those of low priority may be",
                Code.PAINTING_FAILED,
            )
        self.state = replace(self.state, preemptions=self.state.preemptions + 1)
        yield from self._submit()

    def _submit_again(self, reason: str) -> Steps[None]:
        """Submit one more attempt, unless there were enough.

        Raises:
            ServiceError: there were.
        """
        state = self.state
        if state.attempt - state.preemptions - state.changes >= MOST_ATTEMPTS:
            raise ServiceError(
                f"{self.doing} failed {MOST_ATTEMPTS} times, the last time because: {reason}",
                Code.PAINTING_FAILED,
            )
        yield from self._submit()

    def _submit(self) -> Steps[None]:
        """Submit the next attempt, as soon as there are nodes and money for it."""
        if self.is_of(3) and not self.state.held:
            yield from self._wait_for_nodes()
        attempt = self.state.attempt + 1
        for _ in range(POLLS_PER_HISTORY):
            self._stop_if_cancelled()
            wish = replace(self.state, attempt=attempt).to_dict()
            answer = Submission.read((yield from self._call("submit", wish)))
            if not answer.wait:
                self.state = replace(
                    self.state,
                    attempt=attempt,
                    frames_before=answer.frames,
                    looks=0,
                    still=0,
                    spending_day=answer.spending_day,
                )
                return
            self._show(self._standing.said(Stage.QUEUE, message=answer.wait))
            yield from self._pause(ROOM_POLLS)
        self._continue()

    def _wait_for_nodes(self) -> Steps[None]:
        """Wait until there are nodes for the job."""
        for polls in range(POLLS_PER_HISTORY):
            self._stop_if_cancelled()
            answer = Grant(**(yield from self._call("take_nodes", self.state.to_dict())))
            self.state = replace(self.state, spending_day=answer.spending_day)
            if answer.nodes:
                self._hold(answer.nodes)
                return
            status = self._standing.said(Stage.QUEUE, answer.wait)
            done = self.state.frames_before
            self._show(replace(status, done=done, gives_way=answer.gives_way))
            has_room = bool(answer.spending_day)
            yield from self._pause(
                pace.pause_after(polls + 1, self.terms) if has_room else ROOM_POLLS
            )
        self._continue()

    def _watch(self) -> Steps[Look]:
        """Poll the present attempt until it has ended, or was ended to change its nodes.

        Only then the look says how many the job is to hold.
        """
        at_work, before = False, None
        for _ in range(POLLS_PER_HISTORY):
            self._stop_if_cancelled()
            since = self._context.current_utc_datetime
            look = Look(**(yield from self._call("poll", self.state.to_dict())))
            if at_work and look.state in submission.WAITING and self.is_of(2):
                yield from self._restarted()
            at_work = look.state not in submission.WAITING
            self._show(self._painting(look))
            if look.state in submission.FINAL:
                return look
            self.state = pace.counted(self.state, look, before)
            if self.is_of(3) and look.hold not in (None, self.state.held):
                last = yield from self._end_attempt(look)
                if at_work:
                    yield from self._count_spent(self._context.current_utc_datetime - since)
                if last.state in submission.FINAL:
                    return last
            before = look
            yield from self._pause(pace.pause_until_next(self._standing, look, self._time_at_work))
            if at_work:
                yield from self._count_spent(self._context.current_utc_datetime - since)
        self._continue()

    def _end_attempt(self, look: Look) -> Steps[Look]:
        """End the attempt, that the next may have other nodes; return the last look at it.

        One that completed or failed meanwhile did so by itself, and the look says no more.
        """
        yield from self._end(self.state.to_dict())
        self._stop_if_cancelled()
        last = Look(**(yield from self._call("poll", self.state.to_dict())))
        return replace(last, hold=look.hold) if last.state == submission.CANCELED else last

    @property
    def _time_at_work(self) -> timedelta:
        """How long the nodes have been at work for the job."""
        if self.is_of(3):
            return timedelta(seconds=self.state.painted)
        return timedelta(seconds=self.state.node_seconds / self._standing.work.nodes)

    @property
    def _nodes(self) -> int:
        """How many nodes the job has or had."""
        return self.state.held or self._standing.work.nodes

    def _restarted(self) -> Steps[None]:
        """Look again what is painted: the service gave the same attempt other nodes."""
        answer = Submission.read((yield from self._call("submit", self.state.to_dict())))
        self.state = replace(self.state, frames_before=answer.frames)
        self._hold(self.state.held)

    def _count_spent(self, elapsed: timedelta) -> Steps[None]:
        """Count what the nodes did, and end them at the limits of cost and time.

        Raises:
            InputError: the limit of cost was reached.
            ServiceError: that of time was.
        """
        state, seconds = self.state, elapsed.total_seconds()
        self.state = replace(
            state,
            painted=state.painted + seconds,
            node_seconds=state.node_seconds + self._nodes * seconds,
        )
        limit = limits.reached(self.state, self.terms, self._time_at_work, self.doing)
        if limit and self.is_of(2):
            yield from self._end_painting()
            raise limit

    def _end_cancelled(self) -> Steps[dict[str, Any]]:
        self._show(self._standing.said(Stage.CANCELLED, message="ending what paints"))
        yield from self._end_painting()
        yield from self._call("clean_up", self.state.to_dict())
        self._show(self._standing.said(Stage.CANCELLED, message="cancelled"))
        return {"stage": str(Stage.CANCELLED)}

    def _end_painting(self) -> Steps[None]:
        """End what paints before its output is deleted, else it would be written again."""
        yield from self._end(asdict(self.state.job))

    def _end(self, what: dict[str, Any]) -> Steps[None]:
        """End every attempt at a job, or the present one of a state."""
        for polls in range(CANCEL_POLLS):
            if (yield from self._call("cancel", what)):
                break
            yield self._timer(pace.pause_after(polls + 1, self.terms))

    def _end_failed(self, error: InputError | ServiceError) -> Steps[None]:
        job, message = asdict(self.state.job), str(error)
        failure = {"job": job, "code": error.code, "message": message}
        yield from self._call("report_failure", failure)
        yield from self._call("clean_up", self.state.to_dict())
        self._show(replace(self._standing.said(Stage.FAILED, message), code=error.code))

    @property
    def _standing(self) -> Standing:
        return Standing(self.state, self.terms)

    def _painting(self, look: Look) -> Status:
        """What there is to say while nodes are at work, or awaited."""
        return self._standing.painting(self.stage, look, self._nodes)
