"""Light and dark: where the photo has them, as light and as dark as the painting."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from gpu_worker.learning.light import Tones, light_loss

BLUE = torch.tensor([-0.1, -0.1, 0.2])[:, None, None]
YELLOW = -BLUE

type Stripes = Callable[..., Tensor]


@pytest.mark.parametrize("contrast", [0.3, 2])
def test_light_is_where_it_was_whatever_the_contrast(stripes: Stripes, contrast: float) -> None:
    photo = stripes(60)
    for same in (photo, contrast * photo + 0.1):
        assert light_loss(same, photo) < 0.2
    assert light_loss(1 - photo, photo) > 1
    assert 0.3 < light_loss(torch.rand_like(photo), photo) < 1.2


def ramp(dark: float, light: float) -> Tensor:
    """`(3, 64, 64)`, from dark on the left to light on the right."""
    return torch.linspace(dark, light, 64).expand(3, 64, 64)


def test_the_darkest_is_as_dark_as_the_painting_s_and_so_on() -> None:
    photo, painting = ramp(0, 1), ramp(0.3, 0.7)
    tones = Tones(painting, [photo])
    assert tones.loss(painting[None], photo[None]) < 1e-5
    assert tones.loss(photo[None], photo[None]) > 0.01
    assert tones.loss(painting.flip(2)[None], photo[None]) > 0.03


def test_a_dark_crop_is_dark_and_a_light_one_light() -> None:
    """Not each of them as the whole painting."""
    painting = torch.linspace(0.3, 0.7, 128).expand(1, 3, 64, 128)
    dark, light = painting.split(64, 3)
    dark_photo, light_photo = ramp(0, 0.5)[None], ramp(0.5, 1)[None]
    tones = Tones(painting[0], [dark_photo[0], light_photo[0]])
    assert tones.loss(dark, dark_photo) < 1e-4
    assert tones.loss(light, light_photo) < 1e-4
    assert tones.loss(light, dark_photo) > 0.02


def test_what_is_darker_than_all_photos_is_as_the_darkest() -> None:
    tones = Tones(ramp(0.3, 0.7), [ramp(0.2, 0.8)])
    for beyond, meant in ((0.0, 0.3), (1.0, 0.7)):
        flat = torch.full((1, 3, 16, 16), beyond)
        assert tones.loss(torch.full_like(flat, meant), flat) < 1e-3


def test_photos_of_one_grey_are_no_trouble() -> None:
    grey = torch.full((3, 16, 16), 0.5)
    assert Tones(ramp(0.3, 0.7), [grey]).loss(grey[None], grey[None]).isfinite()


def test_what_stands_out_does_so_as_in_the_painting() -> None:
    """Of two that have as much of each brightness, one has its darks beside its lights."""
    steep, slow = (
        (0.5 + 0.3 * torch.linspace(0, waves * torch.pi, 512).cos()).expand(3, 64, 512)
        for waves in (8, 1)
    )
    crop = torch.where(torch.arange(64) < 32, 0.45, 0.55).expand(1, 3, 64, 64)
    bolder = crop.mean() + 1.5 * (crop - crop.mean())
    as_steep, as_slow = Tones(steep, [slow]), Tones(slow, [slow])
    assert as_steep.loss(bolder, crop) < 0.5 * as_steep.loss(crop, crop)
    assert as_slow.loss(crop, crop) < 0.5 * as_slow.loss(bolder, crop)


def test_a_dark_has_the_hue_of_the_painting_s_darks() -> None:
    grey = ramp(0.2, 0.8)
    blue, yellow = grey + BLUE, grey + YELLOW
    half = torch.arange(64) < 32
    painting = torch.where(half, blue, yellow)
    tones = Tones(painting, [grey])
    other = torch.where(half, yellow, blue)
    as_it_is, without, wrong = (tones.loss(x[None], grey[None]) for x in (painting, grey, other))
    assert as_it_is < 0.001 < without < 0.02 < wrong


def test_where_a_painting_has_many_hues_any_of_them_will_do() -> None:
    grey = ramp(0.2, 0.8)
    blue, yellow = grey + BLUE, grey + YELLOW
    tones = Tones(torch.cat((blue, yellow), 1), [grey])
    for picture in (blue, yellow, grey):
        assert tones.loss(picture[None], grey[None]) < 1e-4
    assert Tones(blue, [grey]).loss(yellow[None], grey[None]) > 0.01
