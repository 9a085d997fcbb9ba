"""When frames are shown: timestamps, run-length encoded."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from gpu_worker.plan.reading import PlanError


@dataclass(frozen=True, slots=True)
class Timeline:
    """Presentation timestamps of consecutive frames, run-length encoded.

    Attributes:
        time_base: seconds per tick, as (numerator, denominator).
        first: timestamp of the first frame in ticks.
        steps: runs of (ticks from one frame to the next, how many times). Every step is
            positive; the last frame's step is its duration, so there are as many steps as
            frames.
    """

    time_base: tuple[int, int]
    first: int
    steps: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        """Check the invariants.

        Raises:
            PlanError: no frame, a step that does not move forward, or an unusable time base.
        """
        if min(self.time_base) <= 0:
            raise PlanError(f"a time base of {self.time_base} has no meaning")
        if not self.steps or any(step <= 0 or count <= 0 for step, count in self.steps):
            raise PlanError("timestamps must rise from frame to frame, and there must be one")

    @classmethod
    def of(cls, pts: Sequence[int], last_duration: int, time_base: Fraction) -> Self:
        """Encode rising timestamps.

        Args:
            pts: timestamp of each frame in ticks, in order of presentation.
            last_duration: ticks for which the last frame is shown.
            time_base: seconds per tick.

        Raises:
            PlanError: `pts` is empty or does not rise.
        """
        if not pts:
            raise PlanError("there is no frame to plan")
        ends = [*pts[1:], pts[-1] + last_duration]
        steps = _run_lengths(end - start for start, end in zip(pts, ends, strict=True))
        return cls(time_base.as_integer_ratio(), pts[0], tuple(steps))

    def __len__(self) -> int:
        """Count the frames."""
        return sum(count for _, count in self.steps)

    def __iter__(self) -> Iterator[int]:
        """Yield the timestamp of each frame, in ticks."""
        pts = self.first
        for step, count in self.steps:
            yield from range(pts, pts + step * count, step)
            pts += step * count

    @property
    def seconds_per_tick(self) -> Fraction:
        """The time base as a fraction."""
        return Fraction(*self.time_base)

    @property
    def end(self) -> int:
        """The tick at which the last frame ends."""
        return self.first + sum(step * count for step, count in self.steps)

    @property
    def duration(self) -> Fraction:
        """Seconds from the first frame's start to the last frame's end."""
        return (self.end - self.first) * self.seconds_per_tick

    @property
    def frame_rate(self) -> Fraction:
        """Average frames per second."""
        return len(self) / self.duration

    def clock(self, pts: int) -> str:
        """Write a timestamp, in ticks, as people do: 1:02:03.4."""
        seconds, tenth = divmod(round(10 * pts * self.seconds_per_tick), 10)
        minutes, second = divmod(seconds, 60)
        return f"{minutes // 60}:{minutes % 60:02}:{second:02}.{tenth}"


def _run_lengths(values: Iterable[int]) -> Iterator[tuple[int, int]]:
    run: tuple[int, int] | None = None
    for value in values:
        if run and run[0] == value:
            run = (value, run[1] + 1)
        else:
            if run:
                yield run
            run = (value, 1)
    if run:
        yield run
