"""The judge, and pictures whose texture the losses are tried on."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from gpu_worker.learning.vgg import Vgg

Stripes = Callable[..., Tensor]


@pytest.fixture(scope="session")
def vgg() -> Vgg:
    return Vgg(torch.device("cpu"))


@pytest.fixture(scope="session")
def stripes() -> Stripes:
    """Waves of a period in both directions, `(1, 3, 96, 96)`."""

    def paint(period: float, colour: tuple[float, float, float] = (1.0, 0.6, 0.2)) -> Tensor:
        axis = torch.arange(96) * 2 * torch.pi / period
        wave = 0.5 + 0.25 * (axis.sin()[:, None] + (axis / 1.7).cos()[None])
        return (torch.tensor(colour)[:, None, None] * wave)[None]

    return paint
