"""Stability lets pass what follows its input, and finds what flickers."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from gpu_worker.learning.stability import GAIN_MAX, NOISE_MAX, stability_loss


def loss(network: Callable[[Tensor], Tensor], rgb: Tensor) -> float:
    return stability_loss(network, rgb, network(rgb), Generator().manual_seed(0)).item()


def grid(rgb: Tensor) -> Tensor:
    """Darken columns that stay where they are, wherever the picture has gone."""
    lines = (torch.arange(rgb.shape[-1]) // 4 % 2).float()
    return rgb * lines


def test_what_moves_with_its_input_is_stable(stripes: Callable[..., Tensor]) -> None:
    assert loss(torch.nn.Identity(), stripes(31)) < NOISE_MAX + GAIN_MAX


def test_what_stays_where_it_is_is_not(stripes: Callable[..., Tensor]) -> None:
    assert loss(grid, stripes(31)) > NOISE_MAX + GAIN_MAX


def test_what_amplifies_noise_is_not(stripes: Callable[..., Tensor]) -> None:
    def amplify(rgb: Tensor) -> Tensor:
        return (rgb > 0.3).float()

    assert loss(amplify, stripes(31)) > 2 * loss(torch.nn.Identity(), stripes(31))


def test_noise_differs_from_call_to_call(stripes: Callable[..., Tensor]) -> None:
    generator, picture = Generator().manual_seed(0), stripes(31)
    first, second = (
        stability_loss(torch.nn.Identity(), picture, picture, generator) for _ in range(2)
    )
    assert first != second
