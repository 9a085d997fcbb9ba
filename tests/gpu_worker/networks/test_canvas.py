"""The canvas shows where strokes could lie: along edges, and nowhere that is textured already."""

import pytest
import torch
from torch import Tensor

from gpu_worker.networks.canvas import Canvas, blurred

SIDE = 96
FLAT = torch.full((1, 3, SIDE, SIDE), 0.5)


def lay(rgb: Tensor, top: int = 0, left: int = 0) -> Tensor:
    return Canvas()(rgb, [(top, left)])


def waves() -> Tensor:
    """A picture of upright waves, too long to be texture that covers."""
    phase = torch.arange(SIDE) * 2 * torch.pi / 32
    return (0.5 + 0.4 * phase.sin()).expand(1, 3, SIDE, SIDE)


def horizon() -> Tensor:
    """A clear sky above flat land, half and half."""
    picture = torch.full((1, 3, 2 * SIDE, 4 * SIDE), 0.8)
    picture[:, :, SIDE:] = 0.3
    return picture


def roughness(ground: Tensor) -> list[Tensor]:
    """Change of the two kinds of strokes from pixel to pixel, down and across."""
    strokes = ground[0, 2:, 16:-16, 16:-16]
    return [strokes.diff(dim=dim).abs().mean((1, 2)) for dim in (1, 2)]


def test_strokes_lie_along_edges() -> None:
    down, across = roughness(lay(waves()))
    assert (across > 2 * down).all()
    down, across = roughness(lay(waves().mT))
    assert (down > 2 * across).all()


def test_where_there_are_no_edges_strokes_swirl() -> None:
    down, across = roughness(lay(FLAT.repeat(1, 1, 4, 4)))
    assert (down < 1.5 * across).all()
    assert (across < 1.5 * down).all()


def test_in_what_is_empty_strokes_lie_along_the_nearest_edge() -> None:
    """A sky's along its horizon, though that is far."""
    sky = slice(SIDE // 3, SIDE // 2)
    lying, _ = Canvas().lie(horizon(), [(0, 0)])
    assert lying[:, :, sky].mean((0, 2, 3)) == pytest.approx([1, 0], abs=0.2)
    upright, _ = Canvas().lie(horizon().mT, [(0, 0)])
    assert upright[..., sky].mean((0, 2, 3)) == pytest.approx([-1, 0], abs=0.2)


def test_along_what_strokes_lie_is_told_by_the_double_angle() -> None:
    upright, _ = Canvas().lie(waves(), [(0, 0)])
    assert upright[:, :, 16:-16, 16:-16].mean((0, 2, 3)) == pytest.approx([-1, 0], abs=0.2)
    lying, _ = Canvas().lie(waves().mT, [(0, 0)])
    assert lying[:, :, 16:-16, 16:-16].mean((0, 2, 3)) == pytest.approx([1, 0], abs=0.2)


def test_swirls_are_those_of_the_canvas_where_it_begins() -> None:
    here, seen = Canvas().lie(FLAT, [(0, 0)])
    there, _ = Canvas().lie(FLAT, [(0, 40)])
    assert torch.allclose(here[..., 40:], there[..., : SIDE - 40], atol=1e-3)
    assert torch.allclose(here.square().sum(1), torch.ones(1, SIDE, SIDE), atol=1e-3)
    assert torch.allclose(seen, torch.full_like(seen, 0.25))


def test_all_four_are_there_on_what_is_flat() -> None:
    ground = lay(FLAT.repeat(1, 1, 4, 4))
    assert ground.shape == (1, Canvas.CHANNELS, 4 * SIDE, 4 * SIDE)
    assert (ground.std((0, 2, 3)) > 0.08).all()


def test_what_is_empty_is_left_quiet_and_not_what_lies_beside_something() -> None:
    sky, near = slice(SIDE // 2), slice(SIDE - 24, SIDE - 12)
    strength = lay(horizon()).abs().mean((0, 1, 3))
    assert 0 < strength[sky].mean() < 0.4 * strength[near].mean()
    _, seen = Canvas().lie(horizon(), [(0, 0)])
    assert seen[:, :, sky].mean() < 0.4 * seen[:, :, near].mean()


def test_strokes_are_as_strong_in_one_place_as_in_another() -> None:
    """Else what a network paints of them lies in clusters."""
    strokes = lay(FLAT.repeat(1, 1, 4, 4))[:, 2:]
    strength = blurred(strokes.square(), 15, times=2).sqrt()[..., 32:-32, 32:-32]
    assert (strength.std((0, 2, 3)) < 0.18 * strength.mean((0, 2, 3))).all()
    assert (strokes.abs() < 3 * strokes.std((0, 2, 3), keepdim=True)).all()


def test_texture_covers_the_canvas() -> None:
    noise = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    assert lay(noise).abs().mean() < 0.3 * lay(FLAT).abs().mean()


def test_it_lies_still_below_frames_that_differ() -> None:
    frames = torch.cat((FLAT, 0.5 * FLAT))
    first, second = lay(frames)
    torch.testing.assert_close(first, second)


@pytest.mark.parametrize(("top", "left"), [(8, 24), (90, 0), (90, 90)])
def test_a_frame_that_begins_elsewhere_sees_another_part(top: int, left: int) -> None:
    whole = lay(FLAT.repeat(1, 1, 2, 2))
    expected = whole[..., top : top + SIDE, left : left + SIDE]
    torch.testing.assert_close(lay(FLAT, top, left), expected)


@pytest.mark.parametrize(("top", "left"), [(Canvas.SIDE, 0), (0, 2 * Canvas.SIDE)])
def test_it_repeats(top: int, left: int) -> None:
    assert torch.equal(lay(FLAT, top, left), lay(FLAT))


def test_it_has_no_seam() -> None:
    edge = Canvas.SIDE - SIDE // 2
    across, down = (
        ground.diff(dim=dim).abs()
        for dim, ground in ((3, lay(FLAT, 0, edge)), (2, lay(FLAT, edge, 0)))
    )
    for steps in (across, down.mT):
        assert steps[..., SIDE // 2 - 1].mean() < 2 * steps.mean()
