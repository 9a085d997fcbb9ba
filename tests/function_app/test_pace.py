"""When a job is looked at again: soon where that is of use, never longer than is usual."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from function_app import pace
from function_app.activities import Look
from function_app.standing import Standing
from function_app.store.jobs import Job, State, Terms, Work

RUNNING = "Running"
USUAL_S = 15.0
TERMS = Terms(False, 10, 24.0, USUAL_S, None, "USD", None)
STATE = State(Job.of("scream/a.mp4", "0x1"), Work("videos", "scream/a.mp4", 1000, 2), attempt=1)
HOUR = timedelta(hours=1)


def until_next(state: State, look: Look, at_work: timedelta = timedelta()) -> float:
    return pace.pause_until_next(Standing(state, TERMS), look, at_work) / pace.TICK


@given(
    looks=st.integers(1, 10_000),
    still=st.integers(0, 1000),
    frames=st.integers(0, 1000),
    fps=st.floats(0, 1000),
    age=st.floats(0, 100),
    at_work=st.timedeltas(timedelta(), 48 * HOUR),
)
def test_no_pause_is_longer_than_is_usual(
    looks: int, still: int, frames: int, fps: float, age: float, at_work: timedelta
) -> None:
    state = replace(STATE, looks=looks, still=still)
    pause = until_next(state, Look(RUNNING, frames, fps, age=age), at_work)
    assert 0 <= pause <= USUAL_S


def test_looks_are_close_at_first_and_when_the_end_is_near() -> None:
    early = [until_next(replace(STATE, looks=looks), Look(RUNNING)) for looks in (1, 2, 9, 99)]
    assert early == [1, 2, 9, USUAL_S]
    late = replace(STATE, looks=99)
    assert until_next(late, Look(RUNNING, 900, 10)) == pytest.approx(2.5)
    assert until_next(late, Look(RUNNING, 100, 10)) == USUAL_S


def test_what_took_long_may_be_seen_to_end_later_and_what_stands_still_is_left_alone() -> None:
    near = Look(RUNNING, 990, 10)
    assert until_next(replace(STATE, looks=99), near, HOUR / 4) == pytest.approx(9)
    assert until_next(replace(STATE, looks=99, still=4), near) == 4


def test_a_look_that_finds_nothing_new_is_counted_until_one_does() -> None:
    first, same, further = Look(RUNNING, 10), Look(RUNNING, 10, left=30.0), Look(RUNNING, 11)
    state = pace.counted(STATE, first, None)
    assert (state.looks, state.still, state.left) == (1, 0, None)
    state = pace.counted(state, same, first)
    assert (state.looks, state.still, state.left) == (2, 1, 30.0)
    # Of a new history, whose first look has none to be held against.
    state = pace.counted(state, same, None)
    assert (state.looks, state.still) == (3, 1)
    state = pace.counted(state, further, same)
    assert (state.looks, state.still, state.left) == (4, 0, 30.0)
