"""The colours of a painting, as a map that gives each colour of the photos its painted colour."""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

_GRID = 17
_ROUNDS = 60
_SHRINK = 8


class Palette:
    """A map of colours, taken from all photos to the painting by optimal transport.

    One map for all photos, since a network that sees a neighbourhood cannot know the colour
    statistics of the picture around it.
    """

    def __init__(self, photo_colours: Tensor, painting_colours: Tensor, generator: Generator):
        """Compute the map from two equally long `(n, 3)` samples of RGB in [0, 1]."""
        moved = transport(photo_colours, painting_colours, generator)
        self._table = _tabulate(photo_colours, moved)

    def __call__(self, rgb: Tensor) -> Tensor:
        """Map `(N, 3, H, W)` RGB in [0, 1] colour by colour; the same shape and range."""
        points = (rgb * 2 - 1).permute(0, 2, 3, 1)[:, None]
        table = self._table.to(rgb.device).expand(rgb.shape[0], -1, -1, -1, -1)
        return F.grid_sample(
            table, points, mode="bilinear", padding_mode="border", align_corners=True
        )[:, :, 0]

    def loss(self, painted: Tensor, rgb: Tensor) -> Tensor:
        """Mean absolute difference to the mapped photo at an eighth of the size."""
        return F.l1_loss(F.avg_pool2d(painted, _SHRINK), F.avg_pool2d(self(rgb), _SHRINK))


def transport(source: Tensor, target: Tensor, generator: Generator) -> Tensor:
    """Move `(n, 3)` points onto the distribution of `(n, 3)` others, near ones to near ones.

    Sliced optimal transport (Pitié et al. 2007): again and again, sort both along three random
    orthogonal axes and move each point towards its equal in rank.
    """
    moved = source.clone()
    for _ in range(_ROUNDS):
        axes = cast("Tensor", torch.linalg.qr(torch.randn(3, 3, generator=generator))[0])
        here, there = moved @ axes, target @ axes
        ranks = here.argsort(dim=0).argsort(dim=0)
        moved = moved + 0.5 * (there.sort(dim=0).values.gather(0, ranks) - here) @ axes.T
    return moved.clamp(0, 1)


def _tabulate(colours: Tensor, mapped: Tensor) -> Tensor:
    """Fill a `(1, 3, B, G, R)` table of the RGB cube by Gaussian-weighted means of the samples."""
    axis = torch.linspace(0, 1, _GRID)
    blue, green, red = torch.meshgrid(axis, axis, axis, indexing="ij")
    nodes = torch.stack([red, green, blue], dim=-1).view(-1, 3)
    weights = (-torch.cdist(nodes, colours).square() / (2 * 0.06**2)).softmax(dim=1)
    return (weights @ mapped).T.reshape(1, 3, _GRID, _GRID, _GRID)
