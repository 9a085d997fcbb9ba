"""What a job holds of the cluster: its claim on nodes, told to the others, and its share of them.

Each job decides for itself, by `scheduling.fairness`, from what all have told: a claim stands
with each job's place (`store.turns`). Nothing needs a lock. Who takes nodes says so before
it takes them and looks again; who gives some up says so after they are free. Where two take the
same nodes nevertheless, the later waits in Azure Machine Learning's line until one of them, at its
next look, gives them back.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from statistics import median

from function_app.errors import ServiceError
from function_app.scheduling import fairness, waits
from function_app.scheduling.fairness import Claim
from function_app.settings import settings
from function_app.store import paths, storage, turns
from function_app.store.jobs import Job, State

EXPECTED = "node_seconds"
"""Of a plan's metadata: seconds that one node would paint."""
_CACHED = 256


@dataclass(frozen=True, slots=True)
class Share:
    """What is a job's, by the rule.

    Attributes:
        nodes: that it is to hold.
        gives_way: to how many clips, while it has fewer nodes than it could use.
        wait: how long it waits and for whom, a sentence; empty if it holds nodes.
    """

    nodes: int
    gives_way: int = 0
    wait: str = ""


def take(state: State, *, works: bool = False, left: float | None = None) -> Share:
    """Tell the others how a job stands; return what it is to hold, which is its own from now on.

    Args:
        state: of a job that has asked for its turn.
        works: whether its nodes have come.
        left: node-seconds that are left, as measured now.
    """
    others = turns.told(but=state.job.job_id)
    mine = _claim(state, works, left, [each.slower for each in others if each.slower])
    share = _decide(mine, [each.claim for each in others])
    taken = replace(mine, held=share.nodes, since=time.time())
    if share.nodes <= mine.held:
        _tell(state, mine)
        return share
    _tell(state, taken)
    again = _decide(taken, [each.claim for each in turns.told(but=state.job.job_id)])
    if again.nodes >= share.nodes:
        return share
    kept = max(mine.held, again.nodes)
    _tell(state, replace(taken, held=kept) if kept > mine.held else mine)
    return replace(again, nodes=kept)


def _decide(mine: Claim, others: Sequence[Claim]) -> Share:
    nodes, now, restart = settings().aml_nodes_max, time.time(), settings().restart_seconds
    claims = _admitted([*others, mine], now, restart)
    held = fairness.shares(claims, nodes, now, restart).get(mine.job_id, mine.held)
    if held >= mine.most:
        return Share(held)
    everyone = [*others, mine]
    clips = fairness.clips_before(everyone, mine.job_id, now, restart) if mine.gave_way else 0
    if held:
        return Share(held, clips)
    begins = fairness.begins_in(everyone, nodes, now, restart)
    seconds, before = begins.get(mine.job_id, (math.inf, len(others)))
    return Share(0, clips, waits.sentence(mine, clips, seconds, before))


def _admitted(claims: Sequence[Claim], now: float, restart: float) -> list[Claim]:
    """Leave out who would be one more than may be painted at once."""
    painted = [claim for claim in claims if claim.held]
    waiting = [claim for claim in fairness.in_line(claims, now, restart) if not claim.held]
    return painted + waiting[: max(0, settings().jobs_at_once - len(painted))]


def _claim(state: State, works: bool, left: float | None, slower: Sequence[float]) -> Claim:
    """Say what a job needs: as measured, else as estimated and measured of others."""
    if state.work is None:
        raise ServiceError(f"{state.job.job_id} wants nodes before it was planned")
    asked = datetime.fromisoformat(state.started).timestamp()
    known = state.left if left is None else left
    estimate = expected(state.job) * (median(slower) if slower else 1.0)
    return Claim(
        state.job.job_id,
        asked,
        state.since or asked,
        estimate if known is None else state.node_seconds + known,
        estimate if known is None else known,
        state.work.nodes,
        # Under version 2 it is submitted with all that it can use, and holds on to them.
        state.held or (state.work.nodes if state.attempt and not state.since else 0),
        works,
        state.painted,
        state.gave_way,
    )


def _tell(state: State, claim: Claim) -> None:
    was = expected(state.job)
    measured = state.left is not None and 0 < was < math.inf
    turns.tell(turns.Told(claim, claim.needs / was if measured else 0.0), state.started)


@lru_cache(_CACHED)
def expected(job: Job) -> float:
    """Return how long one node would be at work for a job, as estimated; infinite if unknown."""
    if job.makes_style:
        return 60 * settings().learn_minutes if job.style_source.is_painting else 0.0
    plan = storage.metadata(paths.JOBS, job.folder.plan)
    return float(plan.get(EXPECTED, math.inf))
