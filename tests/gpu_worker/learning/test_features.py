"""Features are learnt from a handful of pictures, and repeat by seed."""

import torch
from torch import Generator, Tensor

from gpu_worker.learning.features import TAPS, FeatureNet, Namer, learn_features
from gpu_worker.learning.pictures import random_crops

CPU = torch.device("cpu")


def textures() -> list[Tensor]:
    """Three greys that differ in grain alone."""
    noise = torch.rand(1, 96, 96, generator=Generator().manual_seed(0))
    rows = noise[:, :, :1].expand(1, 96, 96)
    return [picture.expand(3, 96, 96) for picture in (noise, rows, rows.mT)]


def learnt(steps: int, seed: int = 0) -> Namer:
    torch.manual_seed(seed)
    return learn_features(textures(), steps, Generator().manual_seed(seed), CPU)


def test_textures_are_told_apart_after_a_few_steps() -> None:
    network = learnt(steps=12)
    for number, picture in enumerate(textures()):
        crops = random_crops([picture], 8, 56, Generator().manual_seed(9))
        assert (network(crops).argmax(dim=1) == number).float().mean() > 0.7


def test_features_repeat_by_seed() -> None:
    first, again, other = (learnt(steps=2, seed=seed) for seed in (0, 0, 1))
    crop = torch.rand(1, 3, 56, 56)
    assert torch.equal(first(crop), again(crop))
    assert not torch.equal(first(crop), other(crop))


def test_what_is_learnt_is_frozen() -> None:
    network = learnt(steps=1)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_taps_shrink_with_depth() -> None:
    taps = FeatureNet.shipped(CPU).taps(torch.rand(2, 3, 64, 64))
    assert [tap.shape[-1] for tap in taps] == [64, 32, 16, 8]
    assert len(taps) == len(TAPS)


def test_the_shipped_features_are_frozen() -> None:
    network = FeatureNet.shipped(CPU)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
