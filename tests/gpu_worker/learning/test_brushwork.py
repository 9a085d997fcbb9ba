"""Brushwork tells the painting's texture from another, whatever its direction."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from gpu_worker.learning.brushwork import BrushworkLoss
from gpu_worker.learning.features import FeatureNet


@pytest.fixture(scope="module")
def features() -> FeatureNet:
    torch.manual_seed(3)
    return FeatureNet().eval().requires_grad_(requires_grad=False)


@pytest.fixture(scope="module")
def loss(features: FeatureNet, stripes: Callable[..., Tensor]) -> BrushworkLoss:
    return BrushworkLoss(features, stripes(9))


def test_the_painting_is_told_from_another(
    loss: BrushworkLoss, stripes: Callable[..., Tensor]
) -> None:
    assert loss(stripes(9)) < 0.7 * loss(stripes(31))


def test_no_direction_is_asked_for(loss: BrushworkLoss, stripes: Callable[..., Tensor]) -> None:
    torch.testing.assert_close(loss(stripes(9)), loss(stripes(9).mT), rtol=0.3, atol=0)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_flat_picture_has_a_finite_loss_and_gradient(features: FeatureNet, value: float) -> None:
    flat = torch.full((1, 3, 96, 96), value)
    painted = flat.clone().requires_grad_()
    loss = BrushworkLoss(features, flat)(painted)
    loss.backward()
    assert loss.isfinite()
    assert painted.grad is not None
    assert painted.grad.isfinite().all()
