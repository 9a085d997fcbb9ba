"""How long until a job is looked at again: nobody waits long for its end, and no look is wasted."""

from dataclasses import replace
from datetime import timedelta

from function_app.activities import Look
from function_app.standing import Standing
from function_app.store.jobs import State, Terms

TICK = timedelta(seconds=1)
"""The shortest pause. Azure's task hub counts in whole seconds, and cuts off what is beyond."""
LATE = 0.01
"""How much longer than it took a painting may seem to take."""


def usual_pause(terms: Terms) -> timedelta:
    """Return the longest pause between two looks at what is at work."""
    return timedelta(seconds=terms.poll_seconds)


def pause_after(looks: int, terms: Terms) -> timedelta:
    """Return the pause after so many looks: a little longer each time."""
    return min(usual_pause(terms), looks * TICK)


def counted(state: State, look: Look, before: Look | None) -> State:
    """Count a look, and one that found nothing new; a history's first has none to be held against.

    Args:
        state: before the look.
        look: the look.
        before: the one before, of the same history.
    """
    is_still = before is None or (look.state, look.frames) == (before.state, before.frames)
    still = state.still + (before is not None) if is_still else 0
    left = state.left if look.left is None else look.left
    return replace(state, looks=state.looks + 1, still=still, left=left)


def pause_until_next(standing: Standing, look: Look, at_work: timedelta) -> timedelta:
    """Return less at first, and when the end is near: nobody should wait long for it to be seen.

    A quarter of the time that seems to be left, for that is a guess; or that the end is late.
    But each look costs, and guesses may be wrong: what has taken long may be seen to end a
    little later, and what stands still is looked at ever more rarely.

    Args:
        standing: the job, this look counted.
        look: the look.
        at_work: how long nodes have been at work for the job.
    """
    state, terms = standing.state, standing.terms
    wanted = pause_after(state.looks, terms)
    if (left := standing.seconds_left(look)) is not None:
        wanted = timedelta(seconds=min(wanted.total_seconds(), abs(left) / 4))
    at_least = max(LATE * at_work, state.still * TICK)
    return min(usual_pause(terms), max(wanted, at_least))
