"""Schedules: which faults strike at which moments of a job, by seed."""

from __future__ import annotations

import random
import re
from collections.abc import Collection
from dataclasses import dataclass
from itertools import product

MOMENTS = {
    "preprocess": re.compile(r"GET /devstoreaccount1/videos/.+\.(mp4|mkv)$"),
    "plan": re.compile(r"PUT .*/jobs/.*/plan\.json"),
    "submit": re.compile(r"PUT /subscriptions/.*/jobs/"),
    "poll": re.compile(r"GET /subscriptions/.*/jobs/"),
    "paint": re.compile(r"PUT .*/jobs/.*/work/\d+\.mp4"),
    "join": re.compile(r"(HEAD|GET) .*/jobs/.*/work/\d+\.mp4"),
    "commit": re.compile(r"PUT .*/results/.*\.mp4\?comp=blocklist"),
    "clean": re.compile(r"(POST .*/jobs\?.*comp=batch|DELETE .*/jobs/turns/)"),
}
"""The moments of a job, each by the requests that belong to it.

"upload" comes before the first of them, "end" after the last.
"""

ANYWHERE = ("preprocess", "plan", "submit", "poll", "paint", "join", "commit", "clean")
PAINTING = ("poll", "paint")

FAULTS: dict[str, tuple[str, ...]] = {
    "kill the host": (*ANYWHERE, "end"),
    "kill the child that reads": ("preprocess", "join", "commit"),
    "kill a rank": PAINTING,
    "kill mpiexec": PAINTING,
    "kill Azure ML's endpoint": ("submit", *PAINTING, "clean"),
    "kill Azurite": ANYWHERE,
    "disk full": PAINTING,
    "nodes taken away, run fails": PAINTING,
    "nodes taken away, run restarts": PAINTING,
    "run not responding": PAINTING,
    "answers 503": ANYWHERE,
    "answers 429": ("submit", "poll"),
    "answers lost": ANYWHERE,
    "connections reset": ANYWHERE,
    "connections hang": ANYWHERE,
    "slow bytes": ANYWHERE,
    "event again": (*ANYWHERE, "end"),
    "event lost": ("upload",),
    "video replaced": ("preprocess", "submit", "paint", "join"),
    "video deleted": ("preprocess", "submit", "paint", "join"),
    "plan deleted": ("submit", "paint", "join"),
    "shard deleted": ("join",),
    "shard garbled": ("join",),
    "shards exchanged": ("join",),
    "job cancelled": ANYWHERE,
    "instance terminated": ("submit", *PAINTING, "join"),
    "clock set forward": ANYWHERE,
    "clock set back": ANYWHERE,
    "nodes lost before the flush": PAINTING,
    "a clip comes": ("poll",),
}
"""The faults, each with the moments at which it makes sense."""

ADDED = frozenset(
    {
        "clock set forward",
        "clock set back",
        "nodes lost before the flush",
        "event lost",
        "a clip comes",
    }
)
"""Faults that come after all the others, so that the seeds that there were mean what they did."""

CLIPS = ("sound.mp4", "uneven.mkv")
LATEST = {"preprocess": 2, "poll": 3, "paint": 3, "join": 3, "clean": 2}
"""The last request of a moment that is struck; of the other moments it is the first."""
STRIKES = 2


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault at the n-th request of a moment, counted from 1.

    Where there is nothing to strike yet, such as a rank before one runs, it waits for the next.
    """

    fault: str
    moment: str
    nth: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """What happens to one job.

    Attributes:
        seed: by which the schedule can be had again, with the faults that it was drawn from.
        clip: that is painted; one of `CLIPS`.
        strikes: in no order; each happens when its moment comes, if that comes.
    """

    seed: int
    clip: str
    strikes: tuple[Strike, ...]

    @classmethod
    def of(cls, seed: int, faults: Collection[str] = FAULTS, always: str | None = None) -> Schedule:
        """Return the schedule of a seed: consecutive seeds go through all pairs in turn.

        After as many seeds as there are pairs, another order gives each other company.

        Args:
            seed: any number from 0.
            faults: those that may strike.
            always: one that strikes in every schedule, so that the seeds give it all company.
        """
        pairs = _shuffled_pairs(seed // sum(len(FAULTS[each]) for each in faults), faults)
        dice = random.Random(seed)
        chosen = [(always, FAULTS[always][seed % len(FAULTS[always])])] if always else []
        drawn = STRIKES - len(chosen)
        chosen += [pairs[(seed * drawn + number) % len(pairs)] for number in range(drawn)]
        strikes = (
            Strike(fault, moment, dice.randint(1, LATEST.get(moment, 1)))
            for fault, moment in chosen
        )
        return cls(seed, dice.choice(CLIPS), tuple(strikes))


def _shuffled_pairs(order: int, faults: Collection[str]) -> list[tuple[str, str]]:
    pairs = [pair for fault in faults for pair in product([fault], FAULTS[fault])]
    random.Random(order).shuffle(first := [pair for pair in pairs if pair[0] not in ADDED])
    random.Random(order).shuffle(last := [pair for pair in pairs if pair[0] in ADDED])
    return first + last
