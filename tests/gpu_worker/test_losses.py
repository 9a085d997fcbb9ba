"""Each loss falls where its pictures come closer, and only there."""

import pytest
import torch
from torch import Generator, Tensor

from gpu_worker.features import FeatureNet
from gpu_worker.losses import (
    BrushworkLoss,
    PatchLoss,
    luma,
    stability_loss,
    structure_loss,
)
from gpu_worker.pictures import random_crops

SIDE = 96


def stripes(period: float, colour: tuple[float, float, float] = (1.0, 0.6, 0.2)) -> Tensor:
    """Waves in both directions, `(1, 3, SIDE, SIDE)`."""
    axis = torch.arange(SIDE) * 2 * torch.pi / period
    wave = 0.5 + 0.25 * (axis.sin()[:, None] + (axis / 1.7).cos()[None])
    return (torch.tensor(colour)[:, None, None] * wave)[None]


@pytest.fixture(scope="module")
def features() -> FeatureNet:
    torch.manual_seed(3)
    return FeatureNet(2).eval().requires_grad_(requires_grad=False)


def patch_loss(painting: Tensor) -> PatchLoss:
    return PatchLoss(painting, Generator().manual_seed(0))


def test_brushwork_tells_the_painting_from_another(features: FeatureNet) -> None:
    loss = BrushworkLoss(features, stripes(9))
    assert loss(stripes(9)) < 0.7 * loss(stripes(31))


def test_brushwork_does_not_ask_for_one_direction(features: FeatureNet) -> None:
    loss = BrushworkLoss(features, stripes(9))
    torch.testing.assert_close(loss(stripes(9)), loss(stripes(9).mT), rtol=0.3, atol=0)


def test_patches_tell_the_painting_from_another() -> None:
    loss = patch_loss(stripes(9))
    own = torch.stack([loss(stripes(9)) for _ in range(5)]).mean()
    other = torch.stack([loss(stripes(31)) for _ in range(5)]).mean()
    tinted = torch.stack([loss(stripes(9, (0.2, 0.6, 1.0))) for _ in range(5)]).mean()
    assert own < 0.5 * min(other, tinted)


def test_patches_repeat_by_seed() -> None:
    first, again = (patch_loss(stripes(9))(stripes(31)) for _ in range(2))
    assert torch.equal(first, again)


def test_structure_ignores_brightness_and_contrast_but_not_shapes() -> None:
    photo = random_crops([torch.rand(3, 30, 30)], 2, SIDE, Generator().manual_seed(0))
    assert structure_loss(photo, photo) < 1e-3
    assert structure_loss(0.2 + 0.6 * photo, photo) < 0.05
    assert structure_loss(photo.flip(-1), photo) > 0.5
    assert structure_loss(1 - photo, photo) > 1


def test_a_network_that_moves_with_its_input_is_stable() -> None:
    def threshold(rgb: Tensor) -> Tensor:
        return (rgb > 0.5).float()

    def dither(rgb: Tensor) -> Tensor:
        return (rgb + torch.rand(1, 3, SIDE, SIDE).round() - 0.5).clamp(0, 1)

    def loss(network: object) -> float:
        assert callable(network)
        painted = network(stripes(31))
        return stability_loss(network, stripes(31), painted, Generator().manual_seed(0)).item()

    assert loss(torch.nn.Identity()) < 0.03
    assert loss(torch.nn.Identity()) < loss(threshold) < loss(dither)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_flat_picture_has_finite_losses_and_gradients(features: FeatureNet, value: float) -> None:
    flat = torch.full((1, 3, SIDE, SIDE), value)
    painted = flat.clone().requires_grad_()
    total = (
        BrushworkLoss(features, flat)(painted)
        + patch_loss(flat)(painted)
        + structure_loss(painted, flat)
    )
    total.backward()
    assert total.isfinite()
    assert painted.grad is not None
    assert painted.grad.isfinite().all()


def test_luma_of_white_is_one() -> None:
    torch.testing.assert_close(luma(torch.ones(1, 3, 2, 2)), torch.ones(1, 1, 2, 2))
