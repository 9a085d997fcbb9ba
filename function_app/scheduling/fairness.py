"""Who holds how many nodes. One pure function decides: jobs, nodes and the clock in, shares out.

The nodes are dealt anew each time: first to who is short, then to the others, the longer the
sooner after they came, to each as many as it can use. What is free is given accordingly. Where
nothing is for the short, nor will be soon, who holds more than was dealt to it gives way, from the
end of the line; once nobody lacks nodes it gets more again. Each change costs: shards in the making
are lost, the worker ends and starts. So all times here are multiples of what that takes, a restart.

`store.shares` goes by it, `benchmarks.mix` simulates it.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SHORT = 10
"""Restarts: a job is short that one node paints in so many."""
STARVED = 60
"""Restarts: who has waited for so many comes first, however long, if only the short are painted."""
WORTH = 2
"""Restarts: what a job is to gain by more nodes, or to have left to give some away."""
STAY = 5
"""Restarts: what a job paints for each time that it gives way, but for the first."""
PATIENCE = 15
"""Restarts: nodes that did not come in so many count as not there."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One job's claim on nodes.

    Attributes:
        job_id: whose it is.
        asked: when it first asked for nodes, seconds since the epoch.
        since: when it began to wait, or was given what it holds, likewise.
        needs: node-seconds of painting in all, as far as is known.
        left: those of them that are left.
        most: nodes that it can use.
        held: nodes that it was given; 0 while it waits.
        works: whether they have come.
        painted: seconds that it has been at work, on however many nodes.
        gave_way: how often.
    """

    job_id: str
    asked: float
    since: float
    needs: float
    left: float
    most: int
    held: int = 0
    works: bool = False
    painted: float = 0.0
    gave_way: int = 0

    @property
    def seconds_left(self) -> float:
        """Of painting, on the nodes that it holds."""
        return self.left / self.held if self.works else math.inf

    @property
    def seconds_alone(self) -> float:
        """What it takes on all nodes that it can use; 0 if nobody knows."""
        return self.needs / self.most if self.needs < math.inf else 0.0

    def is_short(self, restart: float) -> bool:
        """Whether it comes before those that are not."""
        return self.needs <= SHORT * restart


def shares(claims: Sequence[Claim], nodes: int, now: float, restart: float) -> dict[str, int]:
    """Return how many nodes each job is to hold, together no more than there are.

    What is given up is given out the next time, when the job claims it no longer.

    Args:
        claims: of all jobs that wait or paint.
        nodes: of the cluster, at most.
        now: seconds since the epoch.
        restart: seconds that ending a painting and starting it again takes.
    """
    line = in_line(claims, now, restart)
    given = {claim.job_id: claim.held for claim in line}
    there = nodes_there(claims, nodes, now, restart)
    free = there - sum(given.values())
    if free < 0:
        _take_back(line, given, -free)
        return given
    dealt = _deal(line, there, restart)
    missing = _give(line, given, dealt, free, restart)
    soon = sum(claim.held for claim in claims if claim.seconds_left < restart)
    _give_way(line, given, dealt, missing - soon, restart)
    return given


def in_line(claims: Sequence[Claim], now: float, restart: float) -> list[Claim]:
    """Return the jobs in the order in which they come: the starved, the short, the others.

    The others as if each had come earlier by what it takes alone: who holds many nodes for long is
    else overtaken at each change, and the last of all to end. Nobody is starved while one of them
    holds nodes: the line moves.
    """
    moves = any(claim.held and not claim.is_short(restart) for claim in claims)

    def place(claim: Claim) -> tuple[bool, bool, float, str]:
        starved = not moves and not claim.held and now - claim.since > STARVED * restart
        if claim.is_short(restart):
            return not starved, False, claim.asked, claim.job_id
        return not starved, True, claim.asked - claim.seconds_alone, claim.job_id

    return sorted(claims, key=place)


def nodes_there(claims: Sequence[Claim], nodes: int, now: float, restart: float) -> int:
    """Return how many nodes there are: where some do not come, half as many are tried."""
    late = [
        claim.held
        for claim in claims
        if claim.held and not claim.works and now - claim.since > PATIENCE * restart
    ]
    working = sum(claim.held for claim in claims if claim.works)
    return max(1, working, nodes - sum(math.ceil(held / 2) for held in late))


def begins_in(
    claims: Sequence[Claim], nodes: int, now: float, restart: float
) -> dict[str, tuple[float, int]]:
    """Return of each job that waits in about how many seconds that ends, and how many come before.

    Takes what `shares` does. Who is to give way now does so in this forecast, nobody later does,
    and nobody new comes. Before a job come those for whose nodes it waits, and those in line.
    """
    given = shares(claims, nodes, now, restart)
    free = nodes_there(claims, nodes, now, restart) - sum(claim.held for claim in claims)
    ends = [end for claim in claims if claim.held for end in _ends(claim, given, restart)]
    heapq.heapify(ends)
    clock, before, begins = 0.0, set[str](), dict[str, tuple[float, int]]()
    for claim in in_line(claims, now, restart):
        if claim.held:
            continue
        while free < math.ceil(claim.most / 2) and ends:
            clock, freed, ended = heapq.heappop(ends)
            free += freed
            before.add(ended)
        got = max(1, min(claim.most, free))
        free -= got
        begins[claim.job_id] = clock, len(before - {claim.job_id})
        before.add(claim.job_id)
        heapq.heappush(ends, (clock + restart + claim.left / got, got, claim.job_id))
    return begins


def clips_before(claims: Sequence[Claim], job_id: str, now: float, restart: float) -> int:
    """Return to how many short jobs a job gives way: those that wait or paint before it."""
    line = in_line(claims, now, restart)
    place = next(number for number, claim in enumerate(line) if claim.job_id == job_id)
    return sum(claim.is_short(restart) for claim in line[:place])


def _ends(claim: Claim, given: dict[str, int], restart: float) -> Iterator[tuple[float, int, str]]:
    """Yield when a job's nodes become free: those that it gives up now, and at its end."""
    stays = min(claim.held, given[claim.job_id])
    if stays < claim.held:
        yield restart, claim.held - stays, claim.job_id
    if stays:
        begins = 0.0 if claim.works and stays == claim.held else restart
        yield begins + claim.left / stays, stays, claim.job_id


def _deal(line: Sequence[Claim], there: int, restart: float) -> dict[str, int]:
    dealt = dict[str, int]()
    for claim in line:
        dealt[claim.job_id] = got = min(there, _use(claim, restart))
        there -= got
    return dealt


def _use(claim: Claim, restart: float) -> int:
    """Return how many nodes a job can use: more than it holds only if it gains by a change."""
    gained = claim.seconds_left - claim.left / claim.most if claim.works else 0.0
    return claim.held if claim.held and gained < WORTH * restart else claim.most


def _give(
    line: Sequence[Claim], given: dict[str, int], dealt: dict[str, int], free: int, restart: float
) -> int:
    """Give what is free, to each at least half of what it lacks; return what the short wait for.

    For who is not short nobody gives way: two such would in turn, each losing what it had begun.
    """
    missing = 0
    for claim in line:
        lacks = max(0, dealt[claim.job_id] - claim.held)
        got = min(lacks, free)
        free -= got
        if 2 * got >= lacks:
            given[claim.job_id] += got
        elif not claim.held and claim.is_short(restart):
            missing += lacks - got
    return missing


def _give_way(
    line: Sequence[Claim],
    given: dict[str, int],
    dealt: dict[str, int],
    missing: int,
    restart: float,
) -> None:
    """Take what others wait for from those who hold more than was dealt to them."""
    for claim in reversed(line):
        over = claim.held - dealt[claim.job_id]
        if over > 0 and missing > 0 and _may_give_way(claim, restart):
            given[claim.job_id] -= (taken := min(over, missing))
            missing -= taken


def _may_give_way(claim: Claim, restart: float) -> bool:
    long_enough = claim.painted >= claim.gave_way * STAY * restart
    return claim.works and long_enough and claim.seconds_left >= WORTH * restart


def _take_back(line: Sequence[Claim], given: dict[str, int], too_many: int) -> None:
    """Take nodes that are not there, first from those to whom they have not come."""
    last_first = list(reversed(line))
    for claim in sorted(last_first, key=lambda claim: claim.works):
        given[claim.job_id] -= (taken := min(too_many, claim.held))
        too_many -= taken
