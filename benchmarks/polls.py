"""How often a job asks Azure Machine Learning how it stands, and how late its end is seen.

The app's own orchestration runs against a clock that is not real: paintings of a second, of 50 and
of an hour, whose rate is told rightly or ten times too high. Timers are those of the Functions
host: whole seconds, cut off, counted from a moment that has passed when they are set.

    python -m benchmarks.polls
"""

from __future__ import annotations

import math
import os
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, cast, override

from durabletask.task import CompletableTask, OrchestrationContext, Task, TimerTask, WhenAnyTask

from benchmarks import report
from emulator.config import Config
from function_app.activities import Look, Submission
from function_app.compute import submission
from function_app.execution import Steps
from function_app.lifecycle import Lifecycle
from function_app.orchestrator import VERSION
from function_app.store.jobs import Job, Stage, State, Terms, Work
from function_app.store.paths import VIDEOS

FRAMES_PER_SECOND = 30
QUEUED_S, START_S, END_S = 5.0, 4.0, 3.0
"""Before the node is there, before its first frame, after its last: assumed."""
PROGRESS_S = 2.0
"""Between two writings of the progress, gpu_worker.ranks.progress."""
ACTIVITY_S = 0.1
"""From an orchestration's wish to an activity's answer."""
SET_S = 0.1
"""From the moment that a timer counts from to its message."""
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
TOGETHER = 20
TERMS = Terms(
    low_priority=False,
    max_preemptions=10,
    timeout_hours=24.0,
    poll_seconds=15.0,
    price=None,
    currency="USD",
    max_cost=None,
)


def main() -> None:
    """Simulate, print the rows and keep them."""
    options = report.options("benchmarks.polls", __doc__).parse_args()
    os.environ.update(Config.on_free_ports(Path()).app_settings)
    rows = [_row(seconds, told) for seconds in (1, 50, 3600) for told in (1, 10)]
    report.show("Looks at one job", rows)
    together = {f"{TOGETHER} of {s} s that end together": _most_in_a_second(s) for s in (50, 3600)}
    result = {"rows": rows, "most looks in a second": together}
    print(report.keep(options.results, "polls", ("durabletask",), result))


@dataclass
class Painting:
    """An Azure Machine Learning job whose time passes as it is told.

    Attributes:
        seconds: that it paints.
        told: how many times too high its rate is told.
        clock: seconds since it was submitted.
        looks: when it was looked at.
    """

    seconds: float
    told: float
    clock: float = 0.0
    looks: list[float] = field(default_factory=list[float])

    @property
    def end(self) -> float:
        """When it is Completed."""
        return QUEUED_S + START_S + self.seconds + END_S

    @property
    def frames(self) -> int:
        """Of the video."""
        return round(self.seconds * FRAMES_PER_SECOND)

    def look(self) -> Look:
        """Show how it stands."""
        self.looks.append(self.clock)
        if self.clock < QUEUED_S:
            return Look("Queued", hold=1)
        if self.clock >= self.end:
            return Look(submission.COMPLETED, self.frames)
        painted_s = min(self.seconds, self.clock - QUEUED_S - START_S)
        if painted_s < 0:
            return Look("Running", hold=1)
        is_done = painted_s == self.seconds
        written_s = painted_s if is_done else math.floor(painted_s / PROGRESS_S) * PROGRESS_S
        age = self.clock - QUEUED_S - START_S - written_s
        frames = round(written_s * FRAMES_PER_SECOND)
        fps = self.told * FRAMES_PER_SECOND if frames else 0.0
        return Look("Running", frames, fps, age=age, hold=1)


class Watched(Lifecycle):
    """A job of which nothing is left to do but to see the end of its attempt."""

    stage = Stage.SCORE
    doing = "painting"

    @override
    def _finish(self) -> Steps[dict[str, Any]]:
        yield from ()
        return {"stage": str(Stage.DONE)}


class Hub:
    """What an orchestration asks of its task hub, answered at the painting's time."""

    version = str(VERSION)

    def __init__(self, painting: Painting) -> None:
        """Serve one execution."""
        self._painting = painting
        self._answers: dict[Task[Any], Any] = {}
        self.next_input: dict[str, Any] | None = None

    @property
    def current_utc_datetime(self) -> datetime:
        """The moment of the last event."""
        return BEGIN + timedelta(seconds=self._painting.clock)

    def wait_for_external_event(self, _: str) -> Task[Any]:
        """Wait for what never comes."""
        return CompletableTask[Any]()

    def set_custom_status(self, _: Any) -> None:
        """Show it to nobody."""

    def continue_as_new(self, new_input: Any, **_: Any) -> None:
        """Keep the state for the next execution."""
        self.next_input = new_input

    def create_timer(self, pause: timedelta) -> Task[Any]:
        """Fire after whole seconds, counted too late."""
        timer = TimerTask()
        self._answers[timer] = float(math.floor(pause.total_seconds() - SET_S))
        return timer

    def call_activity(self, name: str, **_: Any) -> Task[Any]:
        """Answer as the activity would."""
        task = CompletableTask[Any]()
        self._answers[task] = name
        return task

    def finish(self, task: Task[Any]) -> Any:
        """Let time pass until a task is complete; return its result."""
        if isinstance(task, WhenAnyTask):
            timer, _ = cast("WhenAnyTask[Any]", task).get_tasks()
            self._painting.clock += SET_S + max(0.0, self._answers[timer])
            return timer
        self._painting.clock += ACTIVITY_S
        if self._answers[task] == "poll":
            return {"value": asdict(self._painting.look())}
        return {"value": asdict(Submission())}


def watch(painting: Painting) -> None:
    """Run the orchestration's watching from the submission to the end that it sees."""
    job = Job.of("identity/clip.mp4", "1")
    state = State(job, Work(VIDEOS, job.blob, painting.frames, 1), attempt=1, terms=TERMS, held=1)
    outcome = None
    while outcome is None:
        hub = Hub(painting)
        outcome = _execute(Watched(cast("OrchestrationContext", hub), state).run(), hub)
        state = State.from_dict(hub.next_input) if hub.next_input else state


def _execute(steps: Steps[dict[str, Any] | None], hub: Hub) -> dict[str, Any] | None:
    """Run one execution; return the outcome, None where another follows."""
    answer = None
    while True:
        try:
            answer = hub.finish(steps.send(answer))
        except StopIteration as ended:
            return ended.value


def _row(seconds: int, told: int) -> dict[str, Any]:
    painting = Painting(seconds, told)
    watch(painting)
    looks = painting.looks
    return {
        "painting_s": seconds,
        "rate_told": f"{told} times too high" if told > 1 else "rightly",
        "looks": len(looks),
        "shortest_pause_s": round(min(b - a for a, b in pairwise(looks)), 1),
        "end_seen_late_s": round(painting.clock - painting.end, 1),
    }


def _most_in_a_second(seconds: int) -> float:
    """Return how many looks a job come in the busiest second of jobs that end together."""
    count = Counter[int]()
    for number in range(TOGETHER):
        # Submitted a little apart, and ended by nodes that are so much faster.
        painting = Painting(seconds - number * 0.05, 1)
        watch(painting)
        count.update(math.floor(moment + number * 0.05) for moment in painting.looks)
    return max(count.values()) / TOGETHER


if __name__ == "__main__":
    main()
