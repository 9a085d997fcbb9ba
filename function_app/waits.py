"""How long a job will wait in Azure Machine Learning's line, as far as can be told.

What each job wants and has left stands with its place (`function_app.turns`): at first as it was
estimated, then as its painting goes on. Azure Machine Learning gives a job all its nodes at once,
in the order of submission.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self

from function_app.cost import START_SECONDS

EXPECTED = "node_seconds"
"""Of a plan's metadata: seconds that one node would paint."""


@dataclass(frozen=True, slots=True)
class Place:
    """A job in line or at work.

    Attributes:
        job_id: whose it is.
        nodes: that it wants or has.
        expected: seconds of painting on them in all, as estimated before; infinite if not known.
        left: of them, as measured at work; infinite if not known.
        share: of the painting that is done.
        works: whether it has its nodes.
    """

    job_id: str
    nodes: int
    expected: float
    left: float = math.inf
    share: float = 0.0
    works: bool = False

    def to_metadata(self) -> dict[str, str]:
        """Return what storage can keep with a blob."""
        return {
            "nodes": str(self.nodes),
            "expected": f"{self.expected:.1f}",
            "left": f"{self.left:.1f}",
            "share": f"{self.share:.3f}",
            "works": str(int(self.works)),
        }

    @classmethod
    def from_metadata(cls, job_id: str, kept: dict[str, str]) -> Self:
        """Read what `to_metadata` wrote."""
        return cls(
            job_id,
            int(kept["nodes"]),
            float(kept["expected"]),
            float(kept["left"]),
            float(kept["share"]),
            kept["works"] == "1",
        )


def begins_in(
    places: Sequence[Place], job_id: str, nodes: int, start: float = START_SECONDS
) -> tuple[float, int]:
    """Return in about how many seconds a job gets its nodes, and how many jobs come before it.

    Args:
        places: in the order of submission, that of the job among them.
        job_id: whose wait it is.
        nodes: of the cluster, at most.
        start: seconds that a job has its nodes before they paint.

    Returns:
        The seconds, infinite if nobody knows, and the jobs that are to begin or end before.
    """
    slower = _slower(places)
    ends = [(_left(each, slower, start), each.nodes) for each in places if each.works]
    heapq.heapify(ends)
    free, clock, before = nodes - sum(held for _, held in ends), 0.0, 0
    for place in places:
        if place.works:
            continue
        while free < place.nodes and ends:
            clock, freed = heapq.heappop(ends)
            free += freed
            before += 1
        if place.job_id == job_id:
            break
        free -= place.nodes
        heapq.heappush(ends, (clock + start + slower * place.expected, place.nodes))
    return clock, before


def sentence(seconds: float, before: int) -> str:
    """Say it to people; nothing where no job is before."""
    if not before:
        return ""
    jobs = "1 job" if before == 1 else f"{before} jobs"
    when = "" if math.isinf(seconds) else f"begins in about {_duration(seconds)}: "
    return f"{when}{jobs} before it"


def _slower(places: Sequence[Place]) -> float:
    """Return how many times as long as estimated those take that are at work."""
    took = [
        each.left / (1 - each.share) / each.expected
        for each in places
        if each.works and 0 < each.share < 1 and 0 < each.expected < math.inf > each.left
    ]
    return median(took) if took else 1.0


def _left(place: Place, slower: float, start: float) -> float:
    return place.left if place.left < math.inf else start + slower * place.expected


def _duration(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
