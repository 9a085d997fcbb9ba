"""Learning a style: the network in training, what judges it, and for how long."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Generator, Tensor
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from gpu_worker.learning.adversary import Adversary
from gpu_worker.learning.brushwork import BrushworkLoss
from gpu_worker.learning.features import learn_features
from gpu_worker.learning.palette import Palette
from gpu_worker.learning.patches import PatchLoss
from gpu_worker.learning.pictures import random_crops
from gpu_worker.learning.stability import stability_loss
from gpu_worker.learning.structure import structure_loss
from gpu_worker.networks import Architecture, Network, build, place

CROP_SIDE_MIN = 72  # at an eighth of it the structure loss still has its 9x9 window

_PALETTE_SAMPLES = 3000
_WARM_UP_STEPS = 30
_GRADIENT_NORM_MAX = 1.0
_SHOW_SECONDS = 60.0
_BAR_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides what is learnt, beside the pictures; kept in the style's metadata.

    Attributes:
        steps: optimiser steps at most; 0 for no bound.
        minutes: wall-clock time at most, features included; 0 for no bound.
        seed: of every random number; a run bounded by steps repeats on one machine, but for the
            rounding of sums that its threads share.
        size: side of the square crops in pixels, from `CROP_SIDE_MIN` up.
        batch: crops a step.
        painting_side: the painting's shorter side in pixels, which sets the size of its strokes.
        feature_steps: steps of the feature network.
        learning_rate: of Adam, at its height.
        average: decay of the running mean of weights that is saved.
        brushwork: weight of `BrushworkLoss`.
        patches: weight of `PatchLoss`.
        adversary: weight of `Adversary.loss`.
        palette: weight of `Palette.loss`.
        structure: weight of `structure_loss`.
        stability: weight of `stability_loss`.
    """

    steps: int = 0
    minutes: float = 10.0
    seed: int = 0
    size: int = 160
    batch: int = 4
    painting_side: int = 512
    feature_steps: int = 500
    learning_rate: float = 4e-3
    average: float = 0.99
    brushwork: float = 1.0
    patches: float = 1.0
    adversary: float = 1.0
    palette: float = 4.0
    structure: float = 0.4
    stability: float = 3.0


@dataclass(frozen=True, slots=True)
class Learnt:
    """What comes of learning: the network and, step by step, the weighted losses by name."""

    network: Network
    losses: Sequence[dict[str, float]]
    minutes: float


class Budget:
    """How much of the steps or minutes is spent, whichever is spent first."""

    def __init__(self, steps: int, minutes: float) -> None:
        """Start the clock; 0 leaves a bound out."""
        self._steps = steps
        self._minutes = minutes
        self._start = time.monotonic()

    @property
    def minutes(self) -> float:
        """Minutes since the start."""
        return (time.monotonic() - self._start) / 60

    def spent(self, step: int) -> float:
        """Share of the budget spent before this step, from 0 to 1."""
        by_steps = step / self._steps if self._steps else 0.0
        by_clock = self.minutes / self._minutes if self._minutes else 0.0
        return min(1.0, max(by_steps, by_clock))


class Learner:
    """The network in training, with everything that judges it."""

    def __init__(
        self,
        architecture: Architecture,
        recipe: Recipe,
        painting: Tensor,
        photos: Sequence[Tensor],
        device: torch.device,
    ) -> None:
        """Prepare the losses, which trains the features; nothing is painted yet."""
        torch.manual_seed(recipe.seed)
        self._recipe, self._device = recipe, device
        self._painting, self._photos = painting, photos
        self._generator = Generator().manual_seed(recipe.seed)
        self._prepare_losses()
        self._network = place(build(architecture), device)
        self._average = AveragedModel(self._network, avg_fn=_running_mean(recipe.average))
        self._optimizer = torch.optim.Adam(self._network.parameters(), recipe.learning_rate)

    @property
    def network(self) -> Network:
        """The running mean of the network, which is steadier than its latest state."""
        return cast("Network", self._average.module)

    def step(self, number: int, spent: float) -> dict[str, float]:
        """Paint one batch and learn from it.

        Args:
            number: of the step, from 0.
            spent: share of the budget gone by, which sets the learning rate.

        Returns:
            The value of each loss, weighted, and their sum as "total".
        """
        self._set_learning_rate(number, spent)
        rgb = self._crops(self._photos)
        painted: Tensor = self._network(rgb)
        losses = self._losses(rgb, painted)
        total = torch.stack(list(losses.values())).sum()
        self._descend(total)
        self._adversary.learn(painted, self._crops([self._painting]))
        return {name: loss.item() for name, loss in losses.items()} | {"total": total.item()}

    def _prepare_losses(self) -> None:
        recipe, generator, device = self._recipe, self._generator, self._device
        pictures = [self._painting, *self._photos]
        canvas = self._painting[None].to(device)
        features = learn_features(pictures, recipe.feature_steps, generator, device)
        self._brushwork = BrushworkLoss(features, canvas)
        self._patches = PatchLoss(canvas, generator)
        photo_colours = _colours(self._photos, generator)
        painting_colours = _colours([self._painting], generator)
        self._palette = Palette(photo_colours, painting_colours, generator)
        self._adversary = Adversary(device)

    def _losses(self, rgb: Tensor, painted: Tensor) -> dict[str, Tensor]:
        recipe, half = self._recipe, max(1, len(rgb) // 2)
        stability = stability_loss(self._network, rgb[:half], painted[:half], self._generator)
        return {
            "brushwork": recipe.brushwork * self._brushwork(painted),
            "patches": recipe.patches * self._patches(painted),
            "adversary": recipe.adversary * self._adversary.loss(painted),
            "palette": recipe.palette * self._palette.loss(painted, rgb),
            "structure": recipe.structure * structure_loss(painted, rgb),
            "stability": recipe.stability * stability,
        }

    def _descend(self, total: Tensor) -> None:
        self._optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), _GRADIENT_NORM_MAX)
        self._optimizer.step()
        self._average.update_parameters(self._network)

    def _crops(self, pictures: Sequence[Tensor]) -> Tensor:
        crops = random_crops(pictures, self._recipe.batch, self._recipe.size, self._generator)
        return crops.to(self._device, memory_format=torch.channels_last)

    def _set_learning_rate(self, number: int, spent: float) -> None:
        """Rise over the first steps, then fall along half a cosine."""
        warm = min(1.0, (number + 1) / _WARM_UP_STEPS)
        cosine = 0.5 * (1 + math.cos(math.pi * spent))
        for group in self._optimizer.param_groups:
            group["lr"] = self._recipe.learning_rate * warm * max(cosine, 0.01)


def learn(
    architecture: Architecture,
    recipe: Recipe,
    painting: Tensor,
    photos: Sequence[Tensor],
    device: torch.device,
    show: Callable[[Network], None] | None = None,
) -> Learnt:
    """Learn to paint like `painting`, from photos, until the recipe's budget is spent.

    Args:
        architecture: of the network to learn.
        recipe: budget, seed and weights.
        painting: `(3, H, W)` float RGB in [0, 1].
        photos: pictures of that kind, of any sizes.
        device: where to compute.
        show: called with the network as it is, about every minute.
    """
    budget = Budget(recipe.steps, recipe.minutes)
    learner = Learner(architecture, recipe, painting, photos, device)
    losses: list[dict[str, float]] = []
    next_show = time.monotonic() + _SHOW_SECONDS
    with tqdm(total=100, desc="painting", bar_format=_BAR_FORMAT) as bar:
        while (spent := budget.spent(len(losses))) < 1:
            losses.append(learner.step(len(losses), spent))
            bar.set_postfix(step=len(losses), loss=losses[-1]["total"], refresh=False)
            bar.update(100 * spent - bar.n)
            if show and time.monotonic() > next_show:
                show(learner.network)
                next_show = time.monotonic() + _SHOW_SECONDS
    return Learnt(learner.network, losses, budget.minutes)


def _running_mean(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Exponential mean of weights that forgets its first, unlearnt ones sooner."""

    def average(mean: Tensor, latest: Tensor, count: Tensor | int) -> Tensor:
        kept = min(decay, (1 + int(count)) / (10 + int(count)))
        return torch.lerp(latest, mean, kept)

    return average


def _colours(pictures: Sequence[Tensor], generator: Generator) -> Tensor:
    """Draw `(n, 3)` colours, from each picture in proportion to its pixels."""
    pixels = torch.cat([picture.flatten(1).T for picture in pictures])
    return pixels[torch.randint(len(pixels), (_PALETTE_SAMPLES,), generator=generator)]
