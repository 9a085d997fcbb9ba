"""Structure: the shapes of the photo, which must stay legible."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_LUMA = (0.2126, 0.7152, 0.0722)  # BT.709


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


def luma(rgb: Tensor) -> Tensor:
    """BT.709 luma `(N, 1, H, W)` of gamma-coded RGB."""
    weights = torch.tensor(_LUMA, dtype=rgb.dtype, device=rgb.device).view(1, 3, 1, 1)
    return (rgb * weights).sum(dim=1, keepdim=True)


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
