"""Patches: what any few pixels of the painting may look like, compared as distributions."""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

_PATCH = 7
_PROJECTIONS = 32
_PATCHES_MAX = 1500
_LEVELS = 2


class PatchLoss:
    """Sliced Wasserstein distance of 7x7 patches at four scales (GPDM, Elnekave & Weiss 2022)."""

    def __init__(self, painting: Tensor, generator: Generator) -> None:
        """Analyse the patches of the painting `(1, 3, H, W)`, scale by scale."""
        self._generator = generator
        self._patches = [_patches(F.avg_pool2d(painting, scale), 1) for scale in (1, 2, 4, 8)]
        self._bases = [_principal_axes(patches) for patches in self._patches]

    def __call__(self, painted: Tensor) -> Tensor:
        """Mean distance along new random projections, patches of the batch taken together.

        Two scales at chance are enough for one step; over steps all count alike.
        """
        levels = torch.randperm(len(self._patches), generator=self._generator)[:_LEVELS]
        parts = [self._distance(painted, int(level)) for level in levels]
        return torch.stack(parts).mean()

    def _distance(self, painted: Tensor, level: int) -> Tensor:
        scaled = F.avg_pool2d(painted, 2**level)
        ours = _patches(scaled, stride=max(1, 4 >> level))
        count = min(len(ours), _PATCHES_MAX)
        ours, theirs = (self._draw(p, count) for p in (ours, self._patches[level]))
        axes = self._projections(*self._bases[level])
        return F.l1_loss((ours @ axes).sort(dim=0).values, (theirs @ axes).sort(dim=0).values)

    def _draw(self, patches: Tensor, count: int) -> Tensor:
        chosen = torch.randint(len(patches), (count,), generator=self._generator)
        return patches[chosen.to(patches.device)]

    def _projections(self, axes: Tensor, deviations: Tensor) -> Tensor:
        """Random directions along which the painting has unit variance.

        They are whitened by a random exponent: at 0 coarse patterns count, at 1 all count alike.
        """
        exponent = torch.rand(1, _PROJECTIONS, generator=self._generator)
        normal = torch.randn(len(deviations), _PROJECTIONS, generator=self._generator)
        mixed = normal.to(axes.device) * deviations[:, None] ** -exponent.to(axes.device)
        spread = (mixed * deviations[:, None]).square().sum(dim=0).sqrt()
        return axes @ (mixed / spread)


def _patches(rgb: Tensor, stride: int) -> Tensor:
    return F.unfold(rgb, _PATCH, stride=stride).transpose(1, 2).flatten(0, 1)


def _principal_axes(patches: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvectors `(d, k)` and standard deviations `(k,)`, those of noise level floored."""
    variances, axes = cast("tuple[Tensor, Tensor]", torch.linalg.eigh(patches.T.cov()))
    deviations = variances.clamp(min=0).sqrt()
    return axes, deviations.clamp(min=max(1e-2 * deviations.max().item(), 1e-4))
