"""What makes a painted picture good: brushwork and patches of the painting, shapes of the photo.

Every loss is a scalar, zero at best. Pictures are `(N, 3, H, W)` float RGB in [0, 1].
"""

import math
from collections.abc import Callable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torchvision.transforms.functional import rotate

from gpu_worker.features import FeatureNet

_PATCH = 7
_PROJECTIONS = 48
_PATCHES_MAX = 3000
_LUMA = (0.2126, 0.7152, 0.0722)  # BT.709


class BrushworkLoss:
    """Difference of Gram matrices of learnt features (Gatys et al. 2016), at two scales."""

    def __init__(self, features: FeatureNet, painting: Tensor) -> None:
        """Describe the painting `(1, 3, H, W)`, turned four ways.

        The mean over turns keeps the strokes of one corner from combing all pictures one way.
        """
        self._features = features
        turned = [_turn(painting, degrees) for degrees in (0, 45, 90, 135)]
        described = [self._describe(picture) for picture in turned]
        self._targets = [torch.stack(grams).mean(dim=0) for grams in zip(*described, strict=True)]

    def __call__(self, painted: Tensor) -> Tensor:
        """Mean relative difference of all Grams, those of the batch taken together."""
        grams = self._describe(painted)
        parts = [_relative(g, t) for g, t in zip(grams, self._targets, strict=True)]
        return torch.stack(parts).mean()

    def _describe(self, rgb: Tensor) -> list[Tensor]:
        taps = self._features.taps(rgb) + self._features.taps(F.avg_pool2d(rgb, 4))
        return [_gram(tap) for tap in taps]


class PatchLoss:
    """Sliced Wasserstein distance of 7x7 patches at four scales (GPDM, Elnekave & Weiss 2022)."""

    def __init__(self, painting: Tensor, generator: Generator) -> None:
        """Analyse the patches of the painting `(1, 3, H, W)`, scale by scale."""
        self._generator = generator
        self._patches = [_patches(F.avg_pool2d(painting, scale), 1) for scale in (1, 2, 4, 8)]
        self._bases = [_principal_axes(patches) for patches in self._patches]

    def __call__(self, painted: Tensor) -> Tensor:
        """Mean distance along new random projections, patches of the batch taken together."""
        parts = [self._distance(painted, level) for level in range(len(self._patches))]
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


def structure_loss(painted: Tensor, rgb: Tensor) -> Tensor:
    """One minus the local correlation of luma, at 1/2, 1/4 and 1/8 of the size.

    Correlation leaves brightness and contrast to the painter; full size is left out because it
    would forbid strokes.
    """
    ours, theirs = luma(painted), luma(rgb)
    parts: list[Tensor] = []
    for _ in range(3):
        ours, theirs = F.avg_pool2d(ours, 2), F.avg_pool2d(theirs, 2)
        parts.append(_local_decorrelation(ours, theirs))
    return torch.stack(parts).mean()


def stability_loss(
    network: Callable[[Tensor], Tensor], rgb: Tensor, painted: Tensor, generator: Generator
) -> Tensor:
    """Difference between painting a slightly moved, noisy picture and moving the painted one."""
    grid = _small_motion(rgb, generator)
    noise = 0.03 * torch.rand((), generator=generator) * torch.randn(rgb.shape, generator=generator)
    gain = 1 + 0.04 * (torch.rand(len(rgb), 1, 1, 1, generator=generator) - 0.5)
    moved = _move(rgb, grid) * gain.to(rgb.device) + noise.to(rgb.device)
    return F.l1_loss(network(moved.clamp(0, 1)), _move(painted, grid))


def luma(rgb: Tensor) -> Tensor:
    """BT.709 luma `(N, 1, H, W)` of gamma-coded RGB."""
    weights = torch.tensor(_LUMA, dtype=rgb.dtype, device=rgb.device).view(1, 3, 1, 1)
    return (rgb * weights).sum(dim=1, keepdim=True)


def _turn(picture: Tensor, degrees: int) -> Tensor:
    """Turn a picture and keep the middle, which no empty corner reaches."""
    if degrees == 0:
        return picture
    side = min(picture.shape[-2:])
    kept = int(side / math.sqrt(2))
    turned = rotate(_middle(picture, side), degrees)
    return _middle(turned, kept)


def _middle(picture: Tensor, side: int) -> Tensor:
    top, left = (picture.shape[-2] - side) // 2, (picture.shape[-1] - side) // 2
    return picture[..., top : top + side, left : left + side]


def _gram(features: Tensor) -> Tensor:
    flat = features.transpose(0, 1).flatten(1)
    return flat @ flat.T / flat.shape[1]


def _relative(gram: Tensor, target: Tensor) -> Tensor:
    """L1 difference, each entry relative to the energy of its two channels in the target.

    The floor, a quarter of the mean energy, keeps dead channels from blowing up.
    """
    energy = target.diagonal()
    energy = energy.clamp(min=max(0.25 * energy.mean().item(), 1e-6))
    return ((gram - target).abs() / (energy[:, None] * energy[None]).sqrt()).mean()


def _patches(rgb: Tensor, stride: int) -> Tensor:
    return F.unfold(rgb, _PATCH, stride=stride).transpose(1, 2).flatten(0, 1)


def _principal_axes(patches: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvectors `(d, k)` and standard deviations `(k,)`, those of noise level floored."""
    variances, axes = cast("tuple[Tensor, Tensor]", torch.linalg.eigh(patches.T.cov()))
    deviations = variances.clamp(min=0).sqrt()
    return axes, deviations.clamp(min=max(1e-2 * deviations.max().item(), 1e-4))


def _local_decorrelation(ours: Tensor, theirs: Tensor) -> Tensor:
    """One minus the correlation in 9x9 windows, weighted by how much shape a window of theirs has.

    The weight is one half at a standard deviation of 0.03: flat regions may be painted freely.
    """
    blur = nn.AvgPool2d(9, stride=1)
    mean_a, mean_b = blur(ours), blur(theirs)
    covariance = blur(ours * theirs) - mean_a * mean_b
    variance_a = (blur(ours * ours) - mean_a**2).clamp(min=0)
    variance_b = (blur(theirs * theirs) - mean_b**2).clamp(min=0)
    correlation = covariance / (variance_a * variance_b + 1e-8).sqrt()
    weight = variance_b / (variance_b + 0.03**2)
    return ((1 - correlation) * weight).mean()


def _small_motion(rgb: Tensor, generator: Generator) -> Tensor:
    """Sampling grid of a turn by up to 2 degrees, 2 % of zoom and 2 % of shift, per picture."""
    random = 2 * torch.rand(len(rgb), 4, generator=generator) - 1
    angle, zoom = random[:, 0] * math.radians(2), 1 + 0.02 * random[:, 1]
    cos, sin = zoom * angle.cos(), zoom * angle.sin()
    shift = 0.04 * random[:, 2:]
    rows = [torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)]
    theta = torch.stack(rows, dim=1).to(rgb.device)
    return F.affine_grid(theta, list(rgb.shape), align_corners=False)


def _move(rgb: Tensor, grid: Tensor) -> Tensor:
    return F.grid_sample(rgb, grid, padding_mode="reflection", align_corners=False)
