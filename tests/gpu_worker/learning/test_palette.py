"""Colours are carried to the painting's, whole distributions and single colours alike."""

import torch
from torch import Generator

from gpu_worker.learning.palette import Palette, transport

DARK_RED = torch.tensor([0.5, 0.1, 0.1])


def colours(seed: int) -> torch.Tensor:
    return torch.rand(500, 3, generator=Generator().manual_seed(seed))


def test_transport_reaches_the_distribution() -> None:
    source, target = 0.3 * colours(1), 0.5 + 0.5 * colours(2) ** 2
    moved = transport(source, target, Generator().manual_seed(0))
    torch.testing.assert_close(moved.mean(0), target.mean(0), rtol=0, atol=0.01)
    torch.testing.assert_close(moved.T.cov(), target.T.cov(), rtol=0, atol=0.01)


def test_transport_keeps_the_order_of_brightness() -> None:
    source = colours(1)
    moved = transport(source, 0.5 * source, Generator().manual_seed(0))
    torch.testing.assert_close(moved, 0.5 * source, rtol=0, atol=0.1)


def test_a_palette_of_one_colour_paints_everything_so() -> None:
    palette = Palette(colours(1), DARK_RED.expand(500, 3), Generator())
    mapped = palette(torch.rand(2, 3, 10, 14))
    torch.testing.assert_close(mapped, DARK_RED.view(1, 3, 1, 1).expand(2, 3, 10, 14))


def test_a_palette_of_the_photos_own_colours_changes_little() -> None:
    palette = Palette(colours(1), colours(1), Generator())
    photo = 0.2 + 0.6 * torch.rand(1, 3, 16, 16, generator=Generator().manual_seed(4))
    assert (palette(photo) - photo).abs().mean() < 0.05


def test_the_loss_is_least_for_the_mapped_photo() -> None:
    palette = Palette(colours(1), colours(2) * DARK_RED, Generator())
    photo = torch.rand(2, 3, 16, 24)
    assert palette.loss(palette(photo), photo) < 1e-6
    assert palette.loss(photo, photo) > 0.1
