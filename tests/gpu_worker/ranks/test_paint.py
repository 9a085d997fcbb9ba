"""Painting: every frame through the network, in order, however they are batched."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from gpu_worker.frames.frame import Frame
from gpu_worker.ranks import paint
from gpu_worker.styles.model import Architecture, Identity, Network
from tests.gpu_worker.plans import even, synthetic_plan
from tests.gpu_worker.small import SMALL, SMALL_TRANSFORMER, seeded

PLAN = synthetic_plan(even(11), shard_length=4)
CPU = torch.device("cpu")


class Negative(Network):
    """Turns black into white, and remembers what came in."""

    def __init__(self) -> None:
        super().__init__(Architecture("Negative"))
        self.seen: list[Tensor] = []

    def forward(self, rgb: Tensor) -> Tensor:
        self.seen.append(rgb)
        return 1 - rgb


def noise() -> Iterator[Frame]:
    random = np.random.default_rng(0)
    for shard in PLAN.shards:
        for index in range(shard.first, shard.last):
            planes = random.integers(0, 256, (72, 64), dtype=np.uint8)
            yield Frame(shard, index, planes, damaged=index == 5)


@pytest.mark.parametrize("size", [1, 4, 100])
def test_identity_changes_nothing(size: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(paint, "batch_size", lambda *_: size)
    painted = list(paint.paint(noise(), Identity(Architecture("Identity")), PLAN, CPU))
    for before, after in zip(noise(), painted, strict=True):
        assert (before.shard, before.index, before.damaged) == (
            after.shard,
            after.index,
            after.damaged,
        )
        assert np.array_equal(before.planes, after.planes)


def test_the_network_sees_rgb_and_its_output_is_what_comes_out():
    network = Negative()
    black = np.full((72, 64), 128, np.uint8)
    black[:48] = 16
    painted = next(paint.paint(iter([Frame(PLAN.shards[0], 0, black)]), network, PLAN, CPU))
    (seen,) = network.seen
    assert seen.shape == (1, 3, 48, 64)
    assert seen.is_inference()
    assert seen.abs().max() < 1e-6
    assert (painted.planes[:48] == 235).all()
    assert (painted.planes[48:] == 128).all()


@pytest.mark.parametrize("architecture", [SMALL, SMALL_TRANSFORMER])
def test_bfloat16_paints_what_float32_paints(architecture: Architecture):
    """Root mean square difference of less than two codes of 255."""

    def painted(dtype: torch.dtype) -> np.ndarray:
        network = seeded(architecture).to(dtype)
        frames = paint.paint(noise(), network, PLAN, CPU)
        return np.stack([frame.planes for frame in frames]).astype(float)

    difference = painted(torch.bfloat16) - painted(torch.float32)
    assert 0 < np.sqrt(np.mean(difference**2)) < 2


def test_a_cpu_paints_frame_by_frame():
    assert paint.batch_size(PLAN.picture, CPU) == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(("side", "least"), [(64, 16), (100_000, 1)])
def test_a_gpu_paints_as_many_as_fit(side: int, least: int):
    picture = synthetic_plan(even(1), width=side, height=side).picture
    assert paint.batch_size(picture, torch.device("cuda")) == least
