"""Learning a style: the network in training, what judges it, and for how long."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Generator, Tensor
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from gpu_worker.errors import ToolError
from gpu_worker.hardware.precision import Precision
from gpu_worker.learning.content import Content
from gpu_worker.learning.objective import Objective
from gpu_worker.learning.optimizer import Optimizer
from gpu_worker.learning.pictures import Pair, in_other_light, random_crops, random_views
from gpu_worker.learning.recipe import Recipe
from gpu_worker.learning.stability import disturb, equivariance_loss, frame_difference_loss
from gpu_worker.learning.strokes import evenness_loss, stroke_loss
from gpu_worker.learning.vgg import Vgg
from gpu_worker.networks.architectures import StyleNet, place
from gpu_worker.networks.canvas import Canvas, Origin

_REACH = 15  # pixels; several periods of the network's 8x8 grid
_WARM_UP_STEPS = 50
_GRADIENT_NORM_MAX = 1.0
KEEP_SECONDS = 60.0
_BAR_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"

type Losses = dict[str, float]


@dataclass(frozen=True, slots=True)
class Learnt:
    """What comes of learning: the network and, step by step, the weighted losses by name."""

    network: StyleNet
    losses: Sequence[Losses]
    minutes: float


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a style is learnt from and how.

    Attributes:
        recipe: budget, seed, sizes and weights.
        painting: `(3, H, W)` float RGB in [0, 1].
        content: pictures of that kind to practise on.
        device: where to compute.
    """

    recipe: Recipe
    painting: Tensor
    content: Content
    device: torch.device


class Learner:
    """The network in training, with everything that judges it."""

    def __init__(self, lesson: Lesson, network: StyleNet) -> None:
        """Analyse the painting; nothing is painted yet."""
        recipe, device = lesson.recipe, lesson.device
        torch.manual_seed(recipe.seed)
        self._recipe, self._content, self._device = recipe, lesson.content, device
        self._generator = Generator().manual_seed(recipe.seed)
        self._dtype = Precision.choose(device).dtype
        vgg = Vgg(device, self._dtype)
        self._objective = Objective(recipe, lesson.painting, lesson.content.pictures, vgg)
        self._network = place(network, device).requires_grad_()
        self._average = AveragedModel(self._network, avg_fn=_running_mean(recipe.average))
        self._optimizer = Optimizer(self._network, (network.enter, network.leave))
        self._losses: list[Losses] = []

    @property
    def network(self) -> StyleNet:
        """The running mean of the network, which is steadier than its latest state."""
        return cast("StyleNet", self._average.module)

    @property
    def losses(self) -> Sequence[Losses]:
        """Of every step so far: each loss by name, weighted, and their sum as "total"."""
        return self._losses

    def step(self, spent: float) -> None:
        """Paint one batch and learn from it.

        Args:
            spent: share of the budget gone by, which sets the learning rate.
        """
        views, frames = self._views(), self._frames()
        origins = self._origins()
        rgb = torch.cat([views.first, frames.first])
        painted = self._paint(rgb, origins)
        losses = self._objective.losses(painted, rgb, spent)
        losses |= self._strokes(rgb, painted, origins)
        losses |= self._stability(views, frames, painted, origins)
        self._descend(losses, self._learning_rate(spent))

    def state_dict(self) -> dict[str, Any]:
        """All that a later run needs to go on as if there had been no break."""
        return {
            "network": self._network.state_dict(),
            "average": self._average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "generator": self._generator.get_state(),
            "torch": torch.get_rng_state(),
            "losses": self._losses,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._network.load_state_dict(state["network"])
        self._average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._generator.set_state(state["generator"])
        torch.set_rng_state(state["torch"])
        self._losses = list(state["losses"])

    def _views(self) -> Pair:
        """Cut half a batch of photos, each twice, and disturb one of the two."""
        recipe, pictures = self._recipe, self._content.pictures
        count = recipe.batch // 2
        views = random_views(pictures, count, recipe.size, _REACH, self._generator)
        return self._shown(replace(views, second=disturb(views.second, self._generator)))

    def _frames(self) -> Pair:
        """Cut the other half: frames of videos, or photos that move a little for want of any."""
        recipe, content, generator = self._recipe, self._content, self._generator
        count = recipe.batch - recipe.batch // 2
        if not content.pairs:
            return self._shown(random_views(content.pictures, count, recipe.size, 2, generator))
        crops = random_crops(content.pairs, count, recipe.size, generator)
        return self._shown(Pair(crops[:, :3], crops[:, 3:], torch.zeros(count, 2)))

    def _origins(self) -> Sequence[Origin]:
        """Lay the canvas anew below each crop."""
        size = (2, self._recipe.batch)
        rows, columns = torch.randint(Canvas.SIDE, size, generator=self._generator)
        return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True)]

    def _shown(self, pair: Pair) -> Pair:
        """Show a pair in another light, on the device."""
        pair = in_other_light(pair, self._generator)
        first, second = (
            rgb.to(self._device, memory_format=torch.channels_last)
            for rgb in (pair.first, pair.second)
        )
        return Pair(first, second, pair.moved)

    def _paint(self, rgb: Tensor, origins: Sequence[Origin]) -> Tensor:
        """Paint without holding what comes of it in [0, 1], so that it can be brought back."""
        with torch.autocast(self._device.type, torch.bfloat16, self._dtype == torch.bfloat16):
            change = self._network.change(rgb, origins)
        return rgb + change.float()

    def _strokes(
        self, rgb: Tensor, painted: Tensor, origins: Sequence[Origin]
    ) -> dict[str, Tensor]:
        """Compare what is painted with the way strokes lie on the canvas."""
        with torch.no_grad():
            lie, bare = self._network.canvas.lie(F.avg_pool2d(rgb, Canvas.PIXEL), origins)
        return {
            "strokes": self._recipe.stroke_weight * stroke_loss(painted, lie, bare),
            "evenness": self._recipe.evenness_weight * evenness_loss(painted, bare),
        }

    def _stability(
        self, views: Pair, frames: Pair, painted: Tensor, origins: Sequence[Origin]
    ) -> dict[str, Tensor]:
        """Paint the second of each two, and compare with the first, which are `painted`.

        Below views the canvas lies still every other time, as it will: strokes are to follow shapes
        where there are any. Else it moves with the picture, so that strokes that are its own cost
        nothing, and all that hangs on grain and brightness does.
        """
        recipe, count = self._recipe, len(views.first)
        if not (recipe.equivariance or recipe.frame_difference):
            return {}
        if len(self._losses) % 2:
            origins = [*_moved(origins[:count], views.moved), *origins[count:]]
        again = self._paint(torch.cat([views.second, frames.second]), origins)
        painted_views = replace(views, first=painted[:count], second=again[:count])
        painted_frames = replace(frames, first=painted[count:], second=again[count:])
        return {
            "equivariance": recipe.equivariance * equivariance_loss(views, painted_views),
            "frame_difference": recipe.frame_difference
            * frame_difference_loss(frames, painted_frames),
        }

    def _descend(self, losses: Mapping[str, Tensor], learning_rate: float) -> None:
        total = torch.stack(list(losses.values())).sum()
        if not total.isfinite():
            raise ToolError("The learning ran away; start anew with a lower --learning-rate.")
        self._optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), _GRADIENT_NORM_MAX)
        self._optimizer.step(learning_rate)
        self._average.update_parameters(self._network)
        values = {name: loss.item() for name, loss in losses.items()}
        self._losses.append(values | {"total": total.item()})

    def _learning_rate(self, spent: float) -> float:
        """Rise over the first steps, then fall along half a cosine."""
        warm = min(1.0, (len(self._losses) + 1) / _WARM_UP_STEPS)
        cosine = 0.5 * (1 + math.cos(math.pi * spent))
        return self._recipe.learning_rate * warm * max(cosine, 0.01)


class Budget:
    """How much of the steps or minutes is spent, whichever is spent first."""

    def __init__(self, recipe: Recipe, minutes: float = 0.0) -> None:
        """Start the clock, with what earlier runs took; 0 in the recipe leaves a bound out."""
        self._recipe = recipe
        self._start = time.monotonic() - 60 * minutes

    @property
    def minutes(self) -> float:
        """Minutes at work."""
        return (time.monotonic() - self._start) / 60

    def spent(self, step: int) -> float:
        """Share of the budget spent before this step, from 0 to 1."""
        recipe = self._recipe
        by_steps = step / recipe.steps if recipe.steps else 0.0
        by_clock = self.minutes / recipe.minutes if recipe.minutes else 0.0
        return min(1.0, max(by_steps, by_clock))


def learn(
    learner: Learner,
    budget: Budget,
    keep: Callable[[float], None],
    tell: Callable[[float], None] | None = None,
) -> Learnt:
    """Learn until the budget is spent.

    Args:
        learner: new, or with the state of an earlier run.
        budget: of steps and minutes.
        keep: called about every minute with the minutes at work, to keep and show what there is.
        tell: called before every step, and at the end, with the share of the budget that is spent.
    """
    next_keep = time.monotonic() + KEEP_SECONDS
    with tqdm(total=100, desc="painting", bar_format=_BAR_FORMAT) as bar:
        while (spent := budget.spent(len(learner.losses))) < 1:
            if tell:
                tell(spent)
            learner.step(spent)
            loss = f"{learner.losses[-1]['total']:.3f}"
            bar.set_postfix(step=len(learner.losses), loss=loss, refresh=False)
            bar.update(100 * spent - bar.n)
            if time.monotonic() > next_keep:
                keep(budget.minutes)
                next_keep = time.monotonic() + KEEP_SECONDS
    if tell:
        tell(1.0)
    return Learnt(learner.network, learner.losses, budget.minutes)


def _moved(origins: Sequence[Origin], pixels: Tensor) -> Sequence[Origin]:
    """Move the canvas by `(N, 2)` painted pixels down and right, to the next of its own."""
    moved = (pixels / Canvas.PIXEL).round()
    return [
        (row + int(down), column + int(right))
        for (row, column), (down, right) in zip(origins, moved, strict=True)
    ]


def _running_mean(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Exponential mean of weights that forgets its first, unlearnt ones sooner."""

    def average(mean: Tensor, latest: Tensor, count: Tensor | int) -> Tensor:
        kept = min(decay, (1 + int(count)) / (10 + int(count)))
        return torch.lerp(latest, mean, kept)

    return average
