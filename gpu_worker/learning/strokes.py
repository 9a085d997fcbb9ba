"""Strokes: what is painted where a frame is flat changes across strokes, and little along them.

Gram matrices hardly tell brushwork from beads: where a frame shows nothing, and content has no say,
rows of dashes set close together earn as much as strokes do, and are what is learnt first.
"""

import torch.nn.functional as F
from torch import Tensor

_FAINT = 0.003
"""Change of brightness from pixel to pixel that is hardly seen."""


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
