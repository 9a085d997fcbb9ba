"""Patches tell the painting's texture and its colours from others."""

from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor

from gpu_worker.learning.patches import PatchLoss


def patch_loss(painting: Tensor) -> PatchLoss:
    return PatchLoss(painting, Generator().manual_seed(0))


def mean(loss: PatchLoss, painted: Tensor) -> float:
    return torch.stack([loss(painted) for _ in range(5)]).mean().item()


def test_the_painting_is_told_from_others(stripes: Callable[..., Tensor]) -> None:
    loss = patch_loss(stripes(9))
    tinted = stripes(9, (0.2, 0.6, 1.0))
    assert mean(loss, stripes(9)) < 0.5 * min(mean(loss, stripes(31)), mean(loss, tinted))


def test_the_loss_repeats_by_seed(stripes: Callable[..., Tensor]) -> None:
    first, again = (patch_loss(stripes(9))(stripes(31)) for _ in range(2))
    assert torch.equal(first, again)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_flat_picture_has_a_finite_loss_and_gradient(value: float) -> None:
    flat = torch.full((1, 3, 96, 96), value)
    painted = flat.clone().requires_grad_()
    loss = patch_loss(flat)(painted)
    loss.backward()
    assert loss.isfinite()
    assert painted.grad is not None
    assert painted.grad.isfinite().all()
