"""What is wanted of a painted picture: that it looks like the painting and shows the photo.

The perceptual losses of Johnson, Alahi & Fei-Fei 2016, as VGG-16 sees both pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from gpu_worker.learning.light import Tones, light_loss
from gpu_worker.learning.palette import Palette
from gpu_worker.learning.pictures import cover
from gpu_worker.learning.recipe import Recipe
from gpu_worker.learning.vgg import LAYERS, Vgg, gram, style_distances

_CONTENT: Final = LAYERS.index("relu3_3")
_PHOTOS: Final = 16
"""As many tell how much the content of photos varies."""
_RISE: Final = 0.25
"""Share of the budget over which the weight of style rises: at its full weight from the start, what
is learnt first is a texture that shows nothing."""
_FIRST: Final = 0.25
"""What the weight of style rises from, as a share."""
_SCALES: Final = {1: 1.0, 2: 1.0, 4: 0.6}
"""By what weights the style is looked at as it is, at half its size and at a quarter: strokes, and
what they add up to. Without the latter, dark strokes between bright ones are all the darkness there
is. A quarter counts less: no crop has room for as many patches of colour as a painting."""


class Objective:
    """Judges what is painted by content, style, colours and light."""

    def __init__(
        self, recipe: Recipe, painting: Tensor, photos: Sequence[Tensor], vgg: Vgg
    ) -> None:
        """Look at the painting `(3, H, W)`, and at photos of the kind that is to be painted."""
        self._recipe, self._vgg = recipe, vgg
        painting = painting.to(vgg.device)
        self._palette = Palette(painting)
        self._tones = Tones(painting, photos)
        with torch.no_grad():
            self._wanted = [
                [gram(seen) for seen in vgg(F.avg_pool2d(painting[None], scale))]
                for scale in _SCALES
            ]
            self._variance = self._content_variance(photos[:: -(-len(photos) // _PHOTOS)])

    def losses(self, painted: Tensor, rgb: Tensor, spent: float) -> dict[str, Tensor]:
        """Weighted losses by name.

        Args:
            painted: `(N, 3, H, W)` RGB, [0, 1] but for what is painted too bright or too dark.
            rgb: the same before.
            spent: share of the budget gone by.
        """
        with torch.no_grad():
            shown = self._vgg(rgb, LAYERS[_CONTENT])[_CONTENT].float()
        seen = [self._vgg(F.avg_pool2d(painted, scale)) for scale in _SCALES]
        content = (seen[0][_CONTENT].float() - shown).square().mean() / self._variance
        outside = (painted - painted.clamp(0, 1)).square().mean()
        return {
            "content": self._recipe.content_weight * content,
            "style": self._recipe.style_weight * self._risen(spent) * self._style(seen),
            "palette": self._recipe.palette_weight * self._palette.amounts(painted),
            "stranger": self._recipe.stranger_weight * self._palette.strangers(painted),
            "light": self._recipe.light_weight * light_loss(painted, rgb),
            "tone": self._recipe.tone_weight * self._tones.loss(painted, rgb),
            "range": self._recipe.range_weight * outside,
        }

    def _style(self, seen: Sequence[list[Tensor]]) -> Tensor:
        """How far pictures are from the style, by what is seen of them at each of `_SCALES`."""
        scales = zip(_SCALES.values(), seen, self._wanted, strict=True)
        # Flat for what is far off: one odd crop would otherwise outweigh a hundred.
        distances = [
            weight * style_distances(ours, wanted).log1p().mean() for weight, ours, wanted in scales
        ]
        return torch.stack(distances).sum()

    def _content_variance(self, photos: Sequence[Tensor]) -> Tensor:
        """Over all photos: each one's own would have flat crops, where it is small, rule."""
        side = self._recipe.size
        crops = torch.stack([cover(photo, (side, side)) for photo in photos]).to(self._vgg.device)
        features = torch.cat([self._vgg(crop[None], LAYERS[_CONTENT])[_CONTENT] for crop in crops])
        return features.float().var((0, 2, 3)).mean()

    @staticmethod
    def _risen(spent: float) -> float:
        return _FIRST + (1 - _FIRST) * min(1.0, spent / _RISE)
