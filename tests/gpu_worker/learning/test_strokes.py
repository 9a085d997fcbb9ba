"""Strokes: lines that lie as the canvas says, all over; no dots, no clusters, no lines across."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from gpu_worker.learning.strokes import evenness_loss, stroke_loss

SIDE = 64
LEFT = (torch.arange(SIDE) < SIDE // 2).float()


def lines(angle: float) -> Tensor:
    """Waves `(1, 3, SIDE, SIDE)` that change across a direction, an angle from the right down."""
    down, right = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    across = right * -math.sin(angle) + down * math.cos(angle)
    return (0.5 + 0.3 * torch.sin(across / 2)).expand(1, 3, -1, -1)


def lying(angle: float, bare: float = 1.0) -> tuple[Tensor, Tensor]:
    """Directions that are the same everywhere, at half the size, and how bare the canvas is."""
    doubled = torch.tensor([math.cos(2 * angle), math.sin(2 * angle)])
    directions = doubled.view(1, 2, 1, 1).expand(1, 2, SIDE // 2, SIDE // 2)
    return directions, torch.full((1, 1, SIDE // 2, SIDE // 2), bare)


def taught(painted: Tensor, loss: Callable[[Tensor], Tensor]) -> Tensor:
    """What becomes of a picture by a few steps down a loss."""
    painted = painted.clone().requires_grad_()
    optimiser = torch.optim.Adam([painted], 0.02)
    for _ in range(30):
        optimiser.zero_grad()
        loss(painted).backward()
        optimiser.step()
    return painted.detach()


@pytest.mark.parametrize("degrees", [0, 30, 90, 135, 170])
def test_lines_along_the_strokes_cost_nothing_and_lines_across_them_all(degrees: float) -> None:
    angle = math.radians(degrees)
    assert stroke_loss(lines(angle), *lying(angle)) < 0.02
    assert stroke_loss(lines(angle), *lying(angle + math.pi / 2)) > 0.95


def test_dots_cost_a_half() -> None:
    dots = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    assert float(stroke_loss(dots, *lying(0.5))) == pytest.approx(0.5, abs=0.05)


def test_what_is_hardly_seen_costs_nothing() -> None:
    assert stroke_loss(0.5 + 0.001 * lines(0.0), *lying(math.pi / 2)) < 0.05


def test_where_the_canvas_is_covered_nothing_counts() -> None:
    """On the left lines as they are to be, on the right, where it is covered, across."""
    painted = torch.cat([lines(0.0)[..., : SIDE // 2], lines(math.pi / 2)[..., SIDE // 2 :]], 3)
    directions, bare = lying(0.0)
    covered = bare.clone()
    covered[..., SIDE // 4 :] = 0
    assert stroke_loss(painted, directions, bare) > 0.4
    assert stroke_loss(painted, directions, covered) < 0.05


def test_beads_turn_into_lines_when_they_are_taught() -> None:
    painted = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    before = float(stroke_loss(painted, *lying(0.3)))
    after = taught(painted, lambda rgb: stroke_loss(rgb, *lying(0.3)))
    assert float(stroke_loss(after, *lying(0.3))) < before / 2


def test_strokes_all_over_are_even_and_a_cluster_of_them_is_not() -> None:
    everywhere, _, bare = lines(0.3), *lying(0.3)
    assert evenness_loss(everywhere, bare) < 0.02
    assert evenness_loss(0.5 + (everywhere - 0.5) * LEFT, bare) > 0.2


def test_evenness_is_not_about_how_strong_strokes_are() -> None:
    strokes, (_, bare) = (lines(0.3) - 0.5) * (0.2 + 0.8 * LEFT), lying(0.3)
    strong, faint = (float(evenness_loss(0.5 + share * strokes, bare)) for share in (1.0, 0.5))
    assert faint == pytest.approx(strong, rel=0.2)


def test_where_the_canvas_is_covered_strokes_may_be_missing() -> None:
    painted, (_, bare) = 0.5 + (lines(0.3) - 0.5) * LEFT, lying(0.3)
    covered = bare * LEFT[::2]
    assert evenness_loss(painted, covered) < 0.2 * evenness_loss(painted, bare)


def test_nothing_painted_costs_nothing() -> None:
    assert evenness_loss(torch.full((1, 3, SIDE, SIDE), 0.5), lying(0.3)[1]) < 1e-6


def test_a_cluster_spreads_when_it_is_taught() -> None:
    painted, (_, bare) = 0.5 + (lines(0.3) - 0.5) * (0.1 + LEFT), lying(0.3)
    before = float(evenness_loss(painted, bare))
    after = taught(painted, lambda rgb: evenness_loss(rgb, bare))
    assert float(evenness_loss(after, bare)) < before / 3
