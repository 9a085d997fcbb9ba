"""What a job that waits is told: minutes, and for whom."""

import math
from dataclasses import replace

import pytest

from function_app.scheduling.fairness import Claim
from function_app.scheduling.waits import sentence

NEW = Claim("film", 0, 0, 600, 600, 4)
GAVE_WAY = replace(NEW, gave_way=1)


@pytest.mark.parametrize(
    ("claim", "clips", "seconds", "before", "said"),
    [
        (NEW, 0, 110, 3, "begins in about 2 min: 3 jobs before it"),
        (NEW, 0, 5, 1, "begins in about 1 min: 1 job before it"),
        (NEW, 2, 3600 * 2.5, 2, "begins in about 2 h 30 min: 2 jobs before it"),
        (NEW, 0, math.inf, 1, "1 job before it"),
        (NEW, 0, 0, 0, "waits for nodes"),
        (GAVE_WAY, 4, 110, 5, "gives way to 4 clips: goes on in about 2 min"),
        (GAVE_WAY, 1, math.inf, 5, "gives way to 1 clip"),
        (GAVE_WAY, 0, 110, 1, "begins in about 2 min: 1 job before it"),
    ],
)
def test_people_read_minutes_and_who_is_before(
    claim: Claim, clips: int, seconds: float, before: int, said: str
):
    assert sentence(claim, clips, seconds, before) == said
