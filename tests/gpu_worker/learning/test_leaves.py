"""Made-up pictures have edges, textures, shapes of many sizes, and repeat by seed."""

import torch
from torch import Generator, Tensor

from gpu_worker.learning.leaves import dead_leaves


def test_a_picture_is_in_range_and_repeats() -> None:
    first, again, other = (dead_leaves(96, 128, Generator().manual_seed(s)) for s in (1, 1, 2))
    assert first.shape == (3, 96, 128)
    assert 0 <= first.min() < 0.2 < 0.8 < first.max() <= 1
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_energy_falls_with_frequency_as_in_photos() -> None:
    picture = dead_leaves(256, 256, Generator().manual_seed(0)).mean(dim=0)
    spectrum = torch.fft.rfft2(picture - picture.mean()).abs().square()
    bands = [spectrum[1:low, 1:low].mean() for low in (8, 32, 128)]
    assert bands[0] > 4 * bands[1] > 16 * bands[2]


def test_not_only_edges_have_detail() -> None:
    """In windows of 8 pixels, of which edges alone would reach two of five."""
    shares: list[Tensor] = []
    for seed in range(3):
        light = dead_leaves(256, 256, Generator().manual_seed(seed)).mean(dim=0)
        windows = (light[1:, 1:] - light[:-1, :-1]).unfold(0, 8, 8).unfold(1, 8, 8)
        shares.append((windows.std((-1, -2)) > 0.06).float().mean())
    assert torch.stack(shares).mean() > 0.5
