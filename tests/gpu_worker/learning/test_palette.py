"""Colours: those of the painting, as many of each, wherever they are."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from gpu_worker.learning.palette import Palette


@pytest.fixture(scope="module")
def painting() -> Tensor:
    """`(1, 3, 64, 128)`: a yellow left half and a blue right one, each from dark to light."""
    light = torch.linspace(0, 1, 64)[:, None].expand(64, 64)
    yellow, blue = torch.tensor([1.0, 0.8, 0.1]), torch.tensor([0.1, 0.3, 0.9])
    halves = [colour.view(3, 1, 1) * light for colour in (yellow, blue)]
    return torch.cat(halves, dim=2)[None]


def test_places_do_not_matter(painting: Tensor) -> None:
    palette = Palette(painting[0])
    for same in (painting, painting.flip(2), painting.flip(3), painting.mT):
        assert palette.amounts(same) < 1e-9


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda rgb: 0.5 * rgb + 0.25, id="paler"),
        pytest.param(lambda rgb: rgb.flip(1), id="other hues"),
        pytest.param(lambda rgb: rgb[..., :64], id="only half of them"),
        pytest.param(lambda rgb: rgb.mean(1, keepdim=True).expand(-1, 3, -1, -1), id="grey"),
    ],
)
def test_other_colours_cost(painting: Tensor, change: Callable[[Tensor], Tensor]) -> None:
    assert Palette(painting[0]).amounts(change(painting)) > 3e-3


def test_fine_grain_of_the_right_colours_does_not_pass_for_them(painting: Tensor) -> None:
    """From afar it is one colour."""
    chance = torch.Generator().manual_seed(1)
    places = torch.randperm(64 * 128, generator=chance)
    grain = painting.flatten(2)[..., places].view_as(painting)
    assert Palette(painting[0]).amounts(grain) > 3e-3


def test_pictures_are_taken_together(painting: Tensor) -> None:
    halves = torch.cat((painting[..., :64], painting[..., 64:]))
    assert Palette(painting[0]).amounts(halves) < 1e-9


def test_the_size_of_a_picture_does_not_matter(painting: Tensor) -> None:
    larger = torch.nn.functional.interpolate(painting, scale_factor=2, mode="bilinear")
    assert Palette(painting[0]).amounts(larger) < 1e-3


def test_what_the_painting_has_is_no_stranger(painting: Tensor) -> None:
    palette = Palette(painting[0])
    for known in (painting, painting.mT, painting[..., :32]):
        assert palette.strangers(known) < 1e-3


def test_what_it_has_not_is_one_and_the_more_the_farther(painting: Tensor) -> None:
    palette = Palette(painting[0])
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    near, far = (palette.strangers(torch.lerp(painting, red, share)) for share in (0.3, 0.6))
    assert 3e-3 < near < far


def test_a_speck_of_a_colour_is_an_accident(painting: Tensor) -> None:
    spotted = painting.clone()
    red = torch.tensor([1.0, 0.0, 0.0]).view(3, 1, 1)
    spotted[0, :, :2, :2] = red
    assert Palette(spotted[0]).strangers(red.expand(1, 3, 8, 8)) > 0.1
