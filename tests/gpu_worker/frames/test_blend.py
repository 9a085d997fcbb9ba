"""Blending: how much of the video shows through, on the very planes that are encoded."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from gpu_worker.frames.frame import Frame, Planes
from gpu_worker.networks.architectures import Architecture, Network, build
from gpu_worker.plan import Blend, Plan
from gpu_worker.ranks.paint import paint
from tests.gpu_worker.plans import even, synthetic_plan
from tests.gpu_worker.small import SMALL

CPU = torch.device("cpu")
ROWS = 48  # of luma, in the planes of the plan's picture


class Negative(Network):
    """Turns black into white and every colour into its opposite."""

    def forward(self, rgb: Tensor) -> Tensor:
        return 1 - rgb


NETWORK = Negative(Architecture("Negative"))


def plan_with(blend: Blend, **picture: object) -> Plan:
    return replace(synthetic_plan(even(1), **picture), blend=blend)


def painted(planes: Planes, plan: Plan, network: Network = NETWORK) -> Planes:
    (frame,) = paint([Frame(plan.shards[0], 0, planes)], network, plan, CPU)
    return frame.planes.astype(int)


@pytest.fixture
def noise() -> Planes:
    return np.random.default_rng(0).integers(60, 180, (72, 64), dtype=np.uint8)


def test_strength_0_is_the_video(noise: Planes) -> None:
    assert np.array_equal(painted(noise, plan_with(Blend(0.0))), noise)
    assert np.array_equal(painted(noise, plan_with(Blend(0.0, preserve_colour=True))), noise)


@pytest.mark.parametrize("strength", [0.25, 0.5, 0.9])
def test_strength_is_the_share_of_the_painting(noise: Planes, strength: float) -> None:
    whole = painted(noise, plan_with(Blend()))
    between = noise + strength * (whole - noise)
    assert np.abs(painted(noise, plan_with(Blend(strength))) - between).max() <= 1


@pytest.mark.parametrize("matrix", ["bt709", "smpte170m", "bt2020nc"])
@pytest.mark.parametrize("full_range", [False, True])
def test_preserved_colour_paints_luma_and_keeps_chroma(
    noise: Planes, matrix: str, full_range: bool
) -> None:
    picture = {"matrix": matrix, "full_range": full_range}
    whole = painted(noise, plan_with(Blend(), **picture))
    kept = painted(noise, plan_with(Blend(preserve_colour=True), **picture))
    assert np.array_equal(kept[ROWS:], noise[ROWS:])
    assert np.array_equal(kept[:ROWS], whole[:ROWS])
    assert not np.array_equal(whole[ROWS:], noise[ROWS:])


def test_preserved_colour_is_exact_whatever_the_networks_precision(noise: Planes) -> None:
    rough = build(SMALL).to(torch.bfloat16)
    kept = painted(noise, plan_with(Blend(preserve_colour=True)), rough)
    assert np.array_equal(kept[ROWS:], noise[ROWS:])
    assert not np.array_equal(kept[:ROWS], noise[:ROWS])


def test_preserved_colour_blends_luma_by_strength(noise: Planes) -> None:
    plan = plan_with(Blend(0.5, preserve_colour=True))
    whole = painted(noise, plan_with(Blend()))
    kept = painted(noise, plan)
    assert np.array_equal(kept[ROWS:], noise[ROWS:])
    assert np.abs(kept[:ROWS] - (noise[:ROWS] + whole[:ROWS]) / 2).max() <= 1
