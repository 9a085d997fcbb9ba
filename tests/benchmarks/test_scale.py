"""The simulation: what follows from its service times without chance, and what chance costs."""

import random
from dataclasses import replace
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scale import Service, simulate

CALM = Service(
    minutes=1,
    frame_rate=25,
    megapixels=2,
    start_s=10,
    start_spread=0,
    shard_s=1,
    join_s_per_frame=0.001,
    fixed_s=2,
    losses_per_node_hour=0,
    reference_speed=0.25,
)
SHARDS = [100] * 12


def seconds(service: Service, nodes: int, shards: list[int] = SHARDS) -> float:
    return simulate(service, 50, shards, nodes, random.Random(0))[0]


@pytest.mark.parametrize(("nodes", "rounds"), [(1, 12), (3, 4), (5, 3), (12, 1), (100, 1)])
def test_each_node_takes_shards_until_none_is_left(nodes: int, rounds: int):
    assert seconds(CALM, nodes) == pytest.approx(10 + rounds * (1 + 100 / 50))


def test_the_busy_time_is_that_of_the_frames():
    assert simulate(CALM, 50, SHARDS, 4, random.Random(0))[1] == pytest.approx(1200 / 50)


@settings(max_examples=30)
@given(shards=st.lists(st.integers(1, 300), min_size=1, max_size=40), nodes=st.integers(1, 20))
def test_it_is_never_faster_than_its_parts(shards: list[int], nodes: int):
    """Graham's bounds on list scheduling, from below and from above."""
    work = [1 + frames / 50 for frames in shards]
    taken = seconds(CALM, nodes, shards) - CALM.start_s
    assert taken >= max(*work, sum(work) / nodes) - 1e-9
    assert taken <= sum(work) / nodes + max(work) + 1e-9


def test_losing_nodes_costs_time_but_not_what_is_finished():
    calm = replace(CALM, shard_s=0)
    lossy = replace(calm, losses_per_node_hour=60)

    def mean(shards: list[int]) -> float:
        return fmean(simulate(lossy, 50, shards, 2, random.Random(n))[0] for n in range(200))

    assert seconds(calm, 2) < mean(SHARDS) < mean([600, 600])


def test_nodes_that_are_lost_at_once_are_an_error():
    with pytest.raises(RuntimeError, match="faster than they paint"):
        seconds(replace(CALM, losses_per_node_hour=1e9), 2)
