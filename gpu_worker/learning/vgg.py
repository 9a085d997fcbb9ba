"""VGG-16 (Simonyan & Zisserman 2015) as the judge of pictures: what it sees in them."""

from __future__ import annotations

from pathlib import Path
from typing import Final, cast

import torch
from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor, nn
from torchvision.models import vgg16

from gpu_worker.networks.architectures import place

WEIGHTS: Final = Path(__file__).with_name("vgg16.safetensors")
"""Float16, trained on ImageNet, licensed CC BY 4.0; the file's metadata says where it is from.

Each layer is scaled so that its mean activation on photos is 1 (Gatys et al. 2016): the losses of
all layers have one size.
"""
_TAPS: Final = {3: "relu1_2", 8: "relu2_2", 15: "relu3_3", 22: "relu4_3"}
LAYERS: Final = tuple(_TAPS.values())
"""The layers that are looked at, from fine to coarse, as in Johnson et al. 2016."""
_IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
_IMAGENET_DEVIATION: Final = (0.229, 0.224, 0.225)


class Vgg(nn.Module):
    """VGG-16 up to relu4_3, frozen."""

    def __init__(self, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        """Read the project's weights.

        Args:
            device: where to look.
            dtype: number format of weights and features.
        """
        super().__init__()
        with torch.device("meta"):
            layers = cast("nn.Sequential", vgg16(weights=None).features)
        weights = {key.removeprefix("features."): w for key, w in load_file(WEIGHTS).items()}
        self.layers = layers[: max(_TAPS) + 1]
        self.layers.load_state_dict(weights, assign=True)
        mean, deviation = (
            torch.tensor(of).view(1, 3, 1, 1) for of in (_IMAGENET_MEAN, _IMAGENET_DEVIATION)
        )
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        place(self.to(dtype).eval().requires_grad_(requires_grad=False), device)

    @property
    def device(self) -> torch.device:
        """Where it looks."""
        return self.get_buffer("mean").device

    def forward(self, rgb: Tensor, last: str = LAYERS[-1]) -> list[Tensor]:
        """What each of `LAYERS` up to `last` sees, `(N, C, H', W')`, of RGB in [0, 1]."""
        x = rgb.to(self.get_buffer("mean").dtype, memory_format=torch.channels_last)
        x = (x - self.get_buffer("mean")) / self.get_buffer("deviation")
        seen: list[Tensor] = []
        for number, layer in enumerate(self.layers):
            x = layer(x)
            if number in _TAPS:
                # A pooling follows each: no layer works in place on what is kept.
                seen.append(x)
                if _TAPS[number] == last:
                    break
        return seen


def gram(features: Tensor) -> Tensor:
    """Gram matrices `(N, C, C)` in float32 of `(N, C, H, W)` features, their mean over positions.

    What is left of a picture when places are forgotten: its style (Gatys et al. 2016).
    """
    flat = features.permute(0, 2, 3, 1).flatten(1, 2)
    return (flat.mT @ flat).float() / flat.shape[1]


def style_distances(seen: list[Tensor], wanted: list[Tensor]) -> Tensor:
    """How far pictures are from a style, `(layers, N)`: |G - Gp|^2 / |Gp|^2 for each of `LAYERS`.

    Args:
        seen: what `Vgg` sees in the pictures.
        wanted: Gram matrices `(1, C, C)` of the painting.
    """
    return torch.stack(
        [
            (gram(features) - target).square().sum((1, 2)) / target.square().sum()
            for features, target in zip(seen, wanted, strict=True)
        ]
    )
