"""Strokes where a frame is flat: lines and no dots, of one strength all over.

Gram matrices hardly tell brushwork from beads: where a frame shows nothing, and content has no say,
rows of dashes set close together earn as much as strokes do, and are what is learnt first. Nor do
they tell strokes all over from a few clusters of strong ones, which cost less of what is legible.
"""

import torch.nn.functional as F
from torch import Tensor

from gpu_worker.networks.canvas import blurred

_FAINT = 0.003
"""Change of brightness from pixel to pixel that is hardly seen."""
_STROKE = 9
"""Pixels beside whose mean a stroke stands out."""
_NEAR = 25
"""Pixels over which the strength of strokes is taken: some strokes, and less than a cluster."""
_STEP = 4
_FAINT_STROKE = 0.01
"""Root mean square of the colours that is hardly seen."""
_NOTHING = 1e-6


def stroke_loss(painted: Tensor, directions: Tensor, bare: Tensor) -> Tensor:
    """Share of all change that runs along the strokes: 0 for lines, half for dots.

    Args:
        painted: `(N, 3, H, W)` RGB.
        directions: along what strokes lie: cosine and sine of twice the angle, `(N, 2, h, w)`, h
            and w the same part of H and W.
        bare: how much there is to be of them, `(N, 1, h, w)`, from 0 to 1.
    """
    light = painted.mean(1, keepdim=True)
    # Both between four pixels: from two places, one diagonal would count more than the other.
    right = F.avg_pool2d(light.diff(dim=3), (2, 1), 1)
    down = F.avg_pool2d(light.diff(dim=2), (1, 2), 1)
    size = painted.shape[-2:]
    angles = F.interpolate(directions, size)[..., 1:, 1:]
    cosine, sine = angles[:, :1], angles[:, 1:]
    weight = F.interpolate(bare, size)[..., 1:, 1:].square()
    change = right.square() + down.square()
    # The square of the change along a direction, by its double angle.
    along = (change + cosine * (right.square() - down.square())) / 2 + sine * right * down
    return (weight * along).sum() / (weight * (change + _FAINT**2)).sum()


def evenness_loss(painted: Tensor, bare: Tensor) -> Tensor:
    """How the strength of strokes varies over what is flat: its variance over its mean squared.

    Args:
        painted: `(N, 3, H, W)` RGB.
        bare: how much there is to be of them, `(N, 1, h, w)`, from 0 to 1; h and w are the same
            part of H and W. What is covered does not count, nor much a crop that is so for the most
            part.
    """
    strokes = painted - blurred(painted, _STROKE)
    energy = _nearby(strokes.square().mean(1, keepdim=True))
    # At nothing a root has no slope that learning could go along.
    strength = (energy + _NOTHING).sqrt()
    weight = _nearby(F.interpolate(bare, painted.shape[-2:])).square()
    share = weight / weight.sum((2, 3), keepdim=True).clamp_min(_NOTHING)
    mean = (share * strength).sum((2, 3), keepdim=True)
    variance = (share * (strength - mean).square()).sum((2, 3), keepdim=True)
    flat = weight.mean((2, 3), keepdim=True)
    return (flat * variance / (mean.square() + _FAINT_STROKE**2)).mean()


def _nearby(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, _NEAR, _STEP)
