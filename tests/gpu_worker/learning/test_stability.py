"""Stability lets pass what follows its input, and finds what flickers."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from gpu_worker.learning.pictures import Pair, random_views
from gpu_worker.learning.stability import disturb, equivariance_loss, frame_difference_loss

type Painter = Callable[[Tensor], Tensor]
type Stripes = Callable[..., Tensor]


@pytest.fixture
def views(stripes: Stripes) -> Pair:
    """A picture twice, apart by parts of pixels, and with noise."""
    generator = Generator().manual_seed(0)
    pair = random_views([stripes(31)[0]], 8, 52, reach=9, generator=generator)
    return replace(pair, second=disturb(pair.second, generator))


def painted(pair: Pair, painter: Painter) -> Pair:
    return replace(pair, first=painter(pair.first), second=painter(pair.second))


def keep(rgb: Tensor) -> Tensor:
    return rgb


def grid(rgb: Tensor) -> Tensor:
    """Darken columns that stay where they are, wherever the picture has gone."""
    return rgb * (torch.arange(rgb.shape[-1]) // 4 % 2).float()


def amplify(rgb: Tensor) -> Tensor:
    return (rgb > 0.3).float()


def smooth(rgb: Tensor) -> Tensor:
    return F.avg_pool2d(rgb, 5, 1, 2, count_include_pad=False)


def test_what_changes_as_its_input_does_is_the_measure(views: Pair) -> None:
    assert 0.3 < equivariance_loss(views, painted(views, keep)) < 1


def test_what_evens_out_noise_is_better(views: Pair) -> None:
    losses = [equivariance_loss(views, painted(views, painter)) for painter in (smooth, keep)]
    assert losses[0] < 0.7 * losses[1]


@pytest.mark.parametrize("painter", [grid, amplify])
def test_what_stays_behind_or_amplifies_is_worse(views: Pair, painter: Painter) -> None:
    losses = [equivariance_loss(views, painted(views, painter)) for painter in (painter, keep)]
    assert losses[0] > 2 * losses[1]


def test_a_move_alone_costs_hardly_anything(stripes: Stripes) -> None:
    generator = Generator().manual_seed(0)
    pair = random_views([stripes(31)[0]], 8, 52, reach=9, generator=generator)
    astray = replace(pair, moved=-pair.moved)
    assert equivariance_loss(pair, pair) < 0.3
    assert equivariance_loss(astray, astray) > 0.5


def test_disturbance_differs_from_call_to_call(stripes: Stripes) -> None:
    generator, picture = Generator().manual_seed(0), stripes(31)
    first, second = (disturb(picture, generator) for _ in range(2))
    assert not torch.equal(first, second)
    assert 0.001 < (first - picture).abs().mean() < 0.1


def test_frames_may_change_as_much_as_their_input(stripes: Stripes) -> None:
    frames = Pair(stripes(31), stripes(31) * 0.9, torch.zeros(1, 2))
    assert frame_difference_loss(frames, painted(frames, keep)) == 0
    assert frame_difference_loss(frames, painted(frames, lambda rgb: 1 - rgb)) < 1e-6


@pytest.mark.parametrize("strength", [1, 0.3])
def test_frames_that_change_more_cost_as_many_times_more(stripes: Stripes, strength: float) -> None:
    """Whether they change much or little."""
    rgb = stripes(31) + 0.5
    frames = Pair(rgb, rgb * (1 - strength), torch.zeros(1, 2))
    doubled, tripled = (
        frame_difference_loss(frames, painted(frames, lambda rgb, by=by: by * rgb)) for by in (2, 3)
    )
    assert 0.9 < doubled < 1
    torch.testing.assert_close(tripled, 2 * doubled)
