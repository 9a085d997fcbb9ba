"""How many nodes paint a video, and what that costs."""

import json
import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from function_app import gpus
from function_app.gpus import NODES
from function_app.scheduling import cost
from function_app.settings import Settings, settings
from gpu_worker.plan import Picture

NEEDED = {
    "DATA": "UseDevelopmentStorage=true",
    "JOBS": "UseDevelopmentStorage=true",
    "AML_SUBSCRIPTION_ID": "subscription",
    "AML_RESOURCE_GROUP": "group",
    "AML_WORKSPACE": "workspace",
    "AML_COMPUTE": "gpu",
    "AML_NODES_MAX": "4",
    "AML_PROCESSES_PER_NODE": "2",
    "MEGAPIXELS_PER_SECOND": "50",
    "TARGET_MINUTES": "10",
    "NODE_PRICE_PER_HOUR": "3.6",
}
LIMITS = Settings.read(NEEDED)
PICTURE = Picture(1000, 500, (1, 1), "bt709", "bt709", "bt709", False, False, False)


def test_megapixels_count_every_frame() -> None:
    assert cost.megapixels(30, PICTURE) == 15.0


@pytest.mark.parametrize(
    ("flop_per_pixel", "amount"),
    [
        (None, 15.0),
        (0.0, 15.0),
        (cost.DEFAULT_FLOP_PER_PIXEL, 15.0),
        (10 * cost.DEFAULT_FLOP_PER_PIXEL, 150.0),
        (math.inf, 15_000.0),
        (math.nan, 15.0),
    ],
)
def test_a_style_that_costs_more_is_more_to_paint(flop_per_pixel: float | None, amount: float):
    assert cost.megapixels(30, PICTURE, flop_per_pixel) == amount


@pytest.mark.parametrize(
    ("amount", "nodes"), [(0.1, 1), (60_000, 1), (60_001, 2), (120_001, 3), (10**9, 4)]
)
def test_nodes_are_enough_for_the_target_time_within_the_limit(amount: float, nodes: int) -> None:
    assert cost.nodes_for(amount, LIMITS) == nodes


def test_an_estimate_is_the_price_of_starting_every_node_and_of_painting() -> None:
    starting = 2 * cost.START_SECONDS
    painting = 60_000 / 100
    assert cost.estimate(60_000, 2, LIMITS) == pytest.approx((starting + painting) / 1000)


@given(st.floats(1, 1e9), st.integers(1, 100))
def test_more_nodes_cost_more_by_their_start_alone(amount: float, nodes: int) -> None:
    one, many = cost.estimate(amount, 1, LIMITS), cost.estimate(amount, nodes, LIMITS)
    assert one is not None
    assert many is not None
    start = cost.price_of(cost.START_SECONDS, LIMITS.price)
    assert start is not None
    assert many - one == pytest.approx((nodes - 1) * start, abs=1e-3)


def test_without_a_price_there_is_no_cost(configure: Callable[..., None]) -> None:
    configure()
    assert settings().price is None
    assert cost.estimate(100, 1, settings()) is None
    assert cost.price_of(3600, settings().price) is None


def test_every_node_of_the_table_can_paint_and_its_price_is_above_zero() -> None:
    assert json.loads((gpus.TABLE).read_text()).keys() == NODES.keys()
    for node in NODES.values():
        assert node.gpus >= 1
        assert node.rate > 0
        prices = [price for price in (node.dollars_low_priority, node.dollars) if price is not None]
        assert prices == sorted(prices)
        assert all(price > 0 for price in prices)
