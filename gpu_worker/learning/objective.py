"""What is wanted of a painted picture: that it looks like the painting and shows the photo."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Generator, Tensor

from gpu_worker.learning.adversary import Adversary
from gpu_worker.learning.brushwork import BrushworkLoss
from gpu_worker.learning.features import FeatureNet
from gpu_worker.learning.palette import Palette
from gpu_worker.learning.patches import PatchLoss
from gpu_worker.learning.pictures import random_crops
from gpu_worker.learning.recipe import Recipe
from gpu_worker.learning.structure import structure_loss

_PALETTE_SAMPLES = 3000


class Objective(Protocol):
    """Judges what is painted; it may learn to judge better as it goes."""

    def losses(self, painted: Tensor, rgb: Tensor) -> dict[str, Tensor]:
        """Weighted losses by name, for `(N, 3, H, W)` RGB in [0, 1] before and after painting."""
        ...

    def learn(self, painted: Tensor) -> None:
        """Learn from what was painted."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What has been learnt so far."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        ...


type ObjectiveFactory = Callable[
    [Recipe, Tensor, Sequence[Tensor], Generator, torch.device], Objective
]


class TextureObjective:
    """Needs no pretrained weights but the project's own features of texture."""

    def __init__(
        self,
        recipe: Recipe,
        painting: Tensor,
        pictures: Sequence[Tensor],
        generator: Generator,
        device: torch.device,
    ) -> None:
        """Analyse the painting `(3, H, W)`, and the colours of the pictures to be painted."""
        self._recipe, self._painting, self._generator = recipe, painting, generator
        canvas = painting[None].to(device)
        self._brushwork = BrushworkLoss(FeatureNet.shipped(device), canvas)
        self._patches = PatchLoss(canvas, generator)
        photo_colours = _colours(pictures, generator)
        self._palette = Palette(photo_colours, _colours([painting], generator), generator)
        self._adversary = Adversary(device)

    def losses(self, painted: Tensor, rgb: Tensor) -> dict[str, Tensor]:
        """Brushwork, patches, adversary, palette and structure."""
        recipe = self._recipe
        losses = {
            "brushwork": recipe.brushwork * self._brushwork(painted),
            "patches": recipe.patches * self._patches(painted),
            "palette": recipe.palette * self._palette.loss(painted, rgb),
            "structure": recipe.structure * structure_loss(painted, rgb),
        }
        if recipe.adversary:
            losses["adversary"] = recipe.adversary * self._adversary.loss(painted)
        return losses

    def learn(self, painted: Tensor) -> None:
        """Let the adversary see half of what was painted beside crops of the painting."""
        if not self._recipe.adversary:
            return
        half = painted[: max(1, len(painted) // 2)]
        crops = random_crops([self._painting], len(half), painted.shape[-1], self._generator)
        self._adversary.learn(half, crops.to(painted.device))

    def state_dict(self) -> dict[str, Any]:
        """That of the adversary."""
        return self._adversary.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """That of the adversary."""
        self._adversary.load_state_dict(state)


def _colours(pictures: Sequence[Tensor], generator: Generator) -> Tensor:
    """Draw `(n, 3)` colours, from each picture in proportion to its pixels."""
    pixels = torch.cat([picture.flatten(1).T for picture in pictures])
    return pixels[torch.randint(len(pixels), (_PALETTE_SAMPLES,), generator=generator)]
