"""How a job stands: what people read of it, by its state and the last look at what paints it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from function_app.activities import Look
from function_app.compute import submission
from function_app.errors import ServiceError
from function_app.scheduling.cost import Cost, price_of
from function_app.store.jobs import Stage, State, Status, Terms, Work


@dataclass(frozen=True, slots=True)
class Standing:
    """A job at one moment.

    Attributes:
        state: what its orchestration knows.
        terms: that it was started on.
    """

    state: State
    terms: Terms

    @property
    def work(self) -> Work:
        """What there is to do.

        Raises:
            ServiceError: nobody has found out yet.
        """
        if self.state.work is None:
            raise ServiceError(f"{self.state.job.job_id} was never planned")
        return self.state.work

    def said(self, stage: Stage, message: str) -> Status:
        """Return what there is to say in any stage."""
        state, name = self.state, submission.attempt_name(self.state.job.job_id, self.state.attempt)
        return Status(
            stage,
            total=state.work.frames if state.work else 0,
            attempt=min(state.attempt, max(1, state.attempt - state.changes)),
            message=message,
            options=state.work.options if state.work else None,
            cost=self._cost(),
            studio_url=submission.studio_url(name) if state.attempt else None,
        )

    def painting(self, stage: Stage, look: Look, nodes: int) -> Status:
        """Return what there is to say while so many nodes are at work, or awaited."""
        left = self.seconds_left(look)
        is_waiting = look.state in submission.WAITING
        return replace(
            self.said(Stage.QUEUE if is_waiting else stage, _awaited(look)),
            done=self.done(look),
            fps=round(look.fps, 2) if look.fps else None,
            eta_s=None if left is None else round(max(0.0, left), 1),
            nodes=nodes,
            gives_way=look.gives_way,
            notes=self.work.notes,
        )

    def painted(self, stage: Stage, message: str) -> Status:
        """Return what there is to say once all is painted."""
        work = self.work
        return replace(
            self.said(stage, message), done=work.frames, nodes=work.nodes, notes=work.notes
        )

    def done(self, look: Look) -> int:
        """Return how many frames are painted, those of earlier attempts among them."""
        return min(self.work.frames, self.state.frames_before + look.frames)

    def seconds_left(self, look: Look) -> float | None:
        """Return how long painting will go on, negative if it is overdue; None if nobody knows."""
        frames = self.work.frames - self.done(look)
        if not frames:
            return -look.age
        return frames / look.fps - look.age if look.fps else None

    def _cost(self) -> Cost | None:
        work, spent = self.state.work, price_of(self.state.node_seconds, self.terms.price)
        if work is None or work.estimate is None or spent is None:
            return None
        return Cost(work.estimate, spent, self.terms.currency)


def _awaited(look: Look) -> str:
    """Say what a job waits for; once it works, its stage says enough."""
    if look.state in submission.LINE:
        return "waits for nodes"
    return "nodes are made ready" if look.state in submission.WAITING else ""
