"""Perceptual losses of a pretrained VGG-16 (Johnson, Alahi & Fei-Fei 2016)."""

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torchvision.models import VGG16_Weights, vgg16

from gpu_worker.errors import InputError
from gpu_worker.learning.recipe import Recipe
from gpu_worker.networks import place

DOWNLOAD = Path("download")

# relu1_2, relu2_2, relu3_3 and relu4_3; the second is compared place by place, all by style.
_TAPS = (3, 8, 15, 22)
_CONTENT_TAP = 1
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


class VggFeatures(nn.Module):
    """VGG-16 up to relu4_3, frozen."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        """Take torchvision's weights, of which the classifier's are left out.

        Raises:
            RuntimeError: they are not those of a VGG-16.
        """
        super().__init__()
        with torch.device("meta"):
            layers = cast("nn.Sequential", vgg16(weights=None).features)
        self.layers = layers[: _TAPS[-1] + 1]
        kept = {k.removeprefix("features."): v for k, v in weights.items()}
        self.layers.load_state_dict({k: kept[k] for k in self.layers.state_dict()}, assign=True)
        self.register_buffer("mean", torch.tensor(_IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(_IMAGENET_DEVIATION).view(1, 3, 1, 1))
        self.eval().requires_grad_(requires_grad=False)

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """Features `(N, C, H', W')` after the layers in `_TAPS`, of RGB in [0, 1]."""
        x = (rgb - self.get_buffer("mean")) / self.get_buffer("deviation")
        taps: list[Tensor] = []
        for number, layer in enumerate(self.layers):
            x = layer(x)
            if number in _TAPS:
                # A pooling follows each: no layer works in place on what is kept.
                taps.append(x)
        return taps


class PerceptualObjective:
    """Content and style as VGG-16 sees them; learns nothing itself."""

    def __init__(
        self, vgg: VggFeatures, recipe: Recipe, painting: Tensor, device: torch.device
    ) -> None:
        """Analyse the painting `(3, H, W)`."""
        self._recipe = recipe
        self._vgg = place(vgg, device)
        self._targets = [_gram(tap) for tap in self._vgg(painting[None].to(device))]

    def losses(self, painted: Tensor, rgb: Tensor) -> dict[str, Tensor]:
        """Content and style."""
        ours, theirs = self._vgg(painted), self._vgg(rgb)
        content = F.mse_loss(ours[_CONTENT_TAP], theirs[_CONTENT_TAP])
        grams = zip((_gram(tap) for tap in ours), self._targets, strict=True)
        style = torch.stack([F.mse_loss(gram, target.expand_as(gram)) for gram, target in grams])
        return {
            "content": self._recipe.vgg_content * content,
            "style": self._recipe.vgg_style * style.sum(),
        }

    def learn(self, painted: Tensor) -> None:
        """Nothing."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing."""


class PerceptualFactory:
    """Makes a `PerceptualObjective`, as `Lesson` wants it."""

    def __init__(self, weights: Path) -> None:
        """Read the weights.

        Args:
            weights: torchvision's `vgg16-*.pth`, or `DOWNLOAD` to have torchvision fetch it.

        Raises:
            InputError: the file is missing, damaged, or not of a VGG-16.
        """
        self._vgg = _read(weights)

    def __call__(
        self,
        recipe: Recipe,
        painting: Tensor,
        pictures: Sequence[Tensor],  # noqa: ARG002
        generator: Generator,  # noqa: ARG002
        device: torch.device,
    ) -> PerceptualObjective:
        """Analyse the painting; the photos tell nothing."""
        return PerceptualObjective(self._vgg, recipe, painting, device)


def _read(path: Path) -> VggFeatures:
    try:
        return VggFeatures(_download() if path == DOWNLOAD else _load(path))
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path} with the weights of VGG-16.") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, LookupError, TypeError) as error:
        raise InputError(
            f"{path.name} does not hold torchvision's weights of VGG-16; download it again."
        ) from error


def _load(path: Path) -> Mapping[str, Tensor]:
    return torch.load(path, map_location="cpu", weights_only=True)


def _download() -> Mapping[str, Tensor]:
    try:
        return VGG16_Weights.IMAGENET1K_V1.get_state_dict(progress=True, check_hash=True)
    except OSError as error:
        raise InputError(
            "The weights of VGG-16 could not be downloaded; "
            "give the path of torchvision's vgg16-*.pth, or leave --vgg out."
        ) from error


def _gram(features: Tensor) -> Tensor:
    """Gram matrices `(N, C, C)`, divided by the number of features as in pytorch/examples."""
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / (features.shape[1] * flat.shape[2])
