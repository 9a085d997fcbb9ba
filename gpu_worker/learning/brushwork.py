"""Brushwork: how strokes look, described by Gram matrices of learnt features."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.functional import rotate

from gpu_worker.learning.features import FeatureNet


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
