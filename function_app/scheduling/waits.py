"""What people are told of a job that waits for nodes, or gives way."""

from __future__ import annotations

import math

from function_app.scheduling.fairness import Claim


def sentence(claim: Claim, clips: int, seconds: float, before: int) -> str:
    """Say how long a job without nodes waits, and for whom.

    Args:
        claim: of the job.
        clips: to which it gives way.
        seconds: in about which it is given nodes; infinite if nobody knows.
        before: jobs that come before it.
    """
    known = not math.isinf(seconds)
    if claim.gave_way and clips:
        return f"gives way to {_count(clips, 'clip')}" + (
            f": goes on in about {_duration(seconds)}" if known else ""
        )
    if not before:
        return "waits for nodes"
    return (f"begins in about {_duration(seconds)}: " if known else "") + (
        f"{_count(before, 'job')} before it"
    )


def _count(number: int, thing: str) -> str:
    return f"1 {thing}" if number == 1 else f"{number} {thing}s"


def _duration(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
