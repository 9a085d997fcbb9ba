"""Structure keeps the shapes of the photo and leaves its brightness and contrast free."""

import pytest
import torch
from torch import Generator, Tensor

from gpu_worker.learning.pictures import random_crops
from gpu_worker.learning.structure import luma, structure_loss


@pytest.fixture
def photo() -> Tensor:
    seeded = Generator().manual_seed(0)
    return random_crops([torch.rand(3, 30, 30, generator=seeded)], 2, 96, seeded)


def test_brightness_and_contrast_are_free(photo: Tensor) -> None:
    assert structure_loss(photo, photo) < 0.01
    assert structure_loss(0.2 + 0.6 * photo, photo) < 0.02


def test_shapes_are_not(photo: Tensor) -> None:
    assert structure_loss(photo.flip(-1), photo) > 0.4
    assert structure_loss(1 - photo, photo) > 1
    assert structure_loss(torch.full_like(photo, 0.5), photo) > 0.4


def test_flat_regions_are(photo: Tensor) -> None:
    assert structure_loss(photo, torch.full_like(photo, 0.5)) < 0.01


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_flat_picture_has_a_finite_loss_and_gradient(photo: Tensor, value: float) -> None:
    painted = torch.full_like(photo, value).requires_grad_()
    loss = structure_loss(painted, photo)
    loss.backward()
    assert loss.isfinite()
    assert painted.grad is not None
    assert painted.grad.isfinite().all()


def test_luma_of_white_is_one() -> None:
    torch.testing.assert_close(luma(torch.ones(1, 3, 2, 2)), torch.ones(1, 1, 2, 2))
