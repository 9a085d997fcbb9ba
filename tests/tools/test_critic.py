"""The critic: the painting is the whole way to itself, the frame none of it."""

import pytest
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from gpu_worker.learning.vgg import Vgg
from tools.critic import CPU, Critic, legible, sized


def noise(seed: int, blur: int, side: int = 64) -> Tensor:
    """A `(1, 3, side, side)` picture whose grain is `blur` pixels wide."""
    generator = Generator().manual_seed(seed)
    grain = torch.rand(1, 3, side // blur, side // blur, generator=generator)
    return grain.repeat_interleave(blur, 2).repeat_interleave(blur, 3)


@pytest.fixture(scope="module")
def critic() -> Critic:
    return Critic(Vgg(CPU, torch.float32), noise(0, 1))


def test_a_frame_that_is_not_painted_is_no_nearer(critic: Critic) -> None:
    look = critic.look(noise(1, 8), noise(1, 8))
    assert (look.closed, look.coarse, look.layers) == (0, 0, look.frame_layers)
    assert look.legible == pytest.approx(1, abs=1e-3)


def test_the_painting_itself_is_there(critic: Critic) -> None:
    look = critic.look(noise(1, 8), noise(0, 1))
    assert (look.closed, look.coarse) == (pytest.approx(1, abs=1e-4), pytest.approx(1, abs=1e-4))


def test_strokes_that_add_up_to_grey_are_only_strokes(critic: Critic) -> None:
    painting = noise(0, 1)
    sums = F.interpolate(F.avg_pool2d(painting, 2), scale_factor=2)
    grey = torch.full_like(painting, 0.5)
    look = critic.look(grey, painting - sums + grey)
    assert look.closed > 0.5
    assert look.coarse == pytest.approx(0, abs=1e-3)


def test_a_frame_that_is_optimised_comes_nearer_with_each_step(critic: Critic) -> None:
    frame = noise(1, 8)
    closed = [critic.look(frame, still).closed for still in critic.optimise(frame, [1, 4, 16])]
    assert 0 < closed[0] < closed[1] < closed[2] < 1


def test_what_is_another_picture_is_not_legible_and_a_negative_is_less() -> None:
    frame, other = noise(1, 16, 1024), noise(2, 16, 1024)
    assert -0.2 < legible(frame, other) < 0.2
    assert legible(frame, 1 - frame) < -0.8


def test_sides_are_brought_to_what_the_coarsest_layer_needs() -> None:
    assert sized(torch.rand(3, 100, 150), 60).shape == (1, 3, 64, 88)
