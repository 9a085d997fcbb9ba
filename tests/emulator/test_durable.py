"""The durable extension: how much it does at a time."""

from collections.abc import Callable
from itertools import accumulate

import httpx

STARTED, DONE = "slow second", "done second"


def test_as_many_activities_run_at_a_time_as_host_json_says(
    host: httpx.Client, notes: Callable[[], list[str]], wait_until: Callable[..., None]
) -> None:
    before = len(notes())
    for number in range(6):
        url = f"/api/orchestrations/stages/at-a-time-{number}"
        host.post(url, json=0.5).raise_for_status()
    wait_until(lambda: notes()[before:].count(DONE) == 6)
    steps = [(line == STARTED) - (line == DONE) for line in notes()[before:]]
    assert max(accumulate(steps)) == 2
