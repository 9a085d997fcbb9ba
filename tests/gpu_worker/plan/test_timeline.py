"""Timestamps are given back as they were, and what does not rise is none."""

from fractions import Fraction
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.plan import PlanError, Timeline
from tests.gpu_worker.plan.strategies import STEPS, TIME_BASES
from tests.gpu_worker.plans import even


@given(STEPS, st.integers(-(10**6), 10**6), TIME_BASES)
def test_a_timeline_gives_back_its_timestamps(steps: list[int], first: int, time_base: Fraction):
    pts = list(accumulate(steps[:-1], initial=first))
    timeline = Timeline.of(pts, steps[-1], time_base)
    assert list(timeline) == pts
    assert len(timeline) == len(pts)
    assert timeline.end == pts[-1] + steps[-1]
    assert timeline.duration == sum(steps) * time_base
    assert timeline.frame_rate * timeline.duration == len(pts)


def test_a_constant_frame_rate_is_one_run():
    assert even(frames=108_000).steps == ((1, 108_000),)


@pytest.mark.parametrize("pts", [[], [0, 0], [3, 2], [0, 5, 4]])
def test_timestamps_that_do_not_rise_are_refused(pts: list[int]):
    with pytest.raises(PlanError):
        Timeline.of(pts, 1, Fraction(1, 24))


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [
        (0, "0:00:00.0"),
        (949, "0:00:00.9"),
        (59_960, "0:01:00.0"),
        (3_723_420, "1:02:03.4"),
        (3_599_999, "1:00:00.0"),
    ],
)
def test_a_timestamp_is_written_as_people_do(milliseconds: int, said: str):
    assert even(1, rate=1000).clock(milliseconds) == said


@pytest.mark.parametrize("last_duration", [0, -1])
def test_a_last_frame_that_is_never_shown_is_refused(last_duration: int):
    with pytest.raises(PlanError):
        Timeline.of([0, 1], last_duration, Fraction(1, 24))


def test_a_time_base_of_nothing_is_refused():
    with pytest.raises(PlanError, match="time base"):
        Timeline((0, 1), 0, ((1, 1),))
