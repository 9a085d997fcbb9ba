"""Stability: what moves in the video moves in the painted video, and nothing else does.

Nothing here needs optical flow, and nothing that is learnt needs the frame before: a range of
frames can be painted wherever it lands.
"""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from gpu_worker.learning.pictures import Pair

NOISE_MAX = 0.03  # standard deviation
BLOTCH_MAX = 0.02  # standard deviation of noise in 4x4 blocks, as codecs leave it
GAIN_MAX = 0.02  # either way

_BLOTCH = 4
_WINDOW = 8
_CALM = 0.005  # change that is hardly seen


def disturb(rgb: Tensor, generator: Generator) -> Tensor:
    """Add grain, codec's blotches and a change of brightness to `(N, 3, H, W)` RGB in [0, 1]."""
    count, _, height, width = rgb.shape
    blotches = (
        torch.randn(count, 3, -(-height // _BLOTCH), -(-width // _BLOTCH), generator=generator)
        .repeat_interleave(_BLOTCH, dim=2)
        .repeat_interleave(_BLOTCH, dim=3)
    )
    grain = torch.randn(rgb.shape, generator=generator)
    noise = _strength(count, NOISE_MAX, generator) * grain
    noise += _strength(count, BLOTCH_MAX, generator) * blotches[..., :height, :width]
    gain = 1 + GAIN_MAX * (2 * torch.rand(count, 1, 1, 1, generator=generator) - 1)
    return (rgb * gain.to(rgb.device) + noise.to(rgb.device)).clamp(0, 1)


def equivariance_loss(rgb: Pair, painted: Pair) -> Tensor:
    """How much more two views of a picture differ painted than they do as they are.

    Both views are resampled by half of what lies between them: had one to be moved by all of it,
    interpolation would blur that one alone, and the network learn to blur.
    """
    ours, theirs = (_aligned_change(pair, rgb.moved) for pair in (painted, rgb))
    return (ours / (theirs.detach() + _CALM)).mean()


def frame_difference_loss(rgb: Pair, painted: Pair) -> Tensor:
    """How many times more two frames differ painted than they do as they are, window by window.

    After the frame-difference loss of Xu et al. 2021 ("Learning self-supervised space-time CNN for
    fast video style transfer"), but one-sided, so that colours and contrast are the painter's, and
    relative, for in what is calm an eye sees the least change.
    """
    ours, theirs = (_windowed_change(pair) for pair in (painted, rgb))
    return (F.relu(ours - theirs) / (theirs.detach() + _CALM)).mean()


def _strength(count: int, maximum: float, generator: Generator) -> Tensor:
    return maximum * torch.rand(count, 1, 1, 1, generator=generator)


def _aligned_change(pair: Pair, moved: Tensor) -> Tensor:
    """Mean absolute difference of each two views `(N,)`, where both see the same."""
    change = (_move(pair.first, moved / 2) - _move(pair.second, -moved / 2)).abs()
    border = int(moved.abs().max() / 2) + 2
    return change[..., border:-border, border:-border].mean(dim=(1, 2, 3))


def _move(rgb: Tensor, pixels: Tensor) -> Tensor:
    """Sample `(N, C, H, W)` at `(N, 2)` pixels down and right of each pixel."""
    height, width = rgb.shape[-2:]
    theta = torch.eye(2, 3).repeat(len(rgb), 1, 1)
    theta[:, 0, 2], theta[:, 1, 2] = 2 * pixels[:, 1] / width, 2 * pixels[:, 0] / height
    grid = F.affine_grid(theta.to(rgb.device), list(rgb.shape), align_corners=False)
    return F.grid_sample(rgb, grid, mode="bicubic", padding_mode="border", align_corners=False)


def _windowed_change(pair: Pair) -> Tensor:
    return F.avg_pool2d((pair.first - pair.second).abs().mean(dim=1, keepdim=True), _WINDOW)
