"""What is wanted: the painting's style and the photo's content, in colours that can be shown."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from gpu_worker.learning.objective import Objective
from gpu_worker.learning.recipe import Recipe
from gpu_worker.learning.vgg import Vgg

RECIPE = Recipe(size=96)

type Stripes = Callable[..., Tensor]


@pytest.fixture(scope="module")
def objective(stripes: Stripes, vgg: Vgg) -> Objective:
    photos = [stripes(31)[0], stripes(17)[0]]
    return Objective(RECIPE, stripes(9)[0], photos, vgg)


def losses(
    objective: Objective, painted: Tensor, rgb: Tensor, spent: float = 1
) -> dict[str, float]:
    return {name: float(loss) for name, loss in objective.losses(painted, rgb, spent).items()}


def test_the_photo_shows_itself_and_the_painting_is_its_own_style(
    objective: Objective, stripes: Stripes
) -> None:
    painting, photo = stripes(9), stripes(31)
    as_it_was, as_the_painting = (losses(objective, one, photo) for one in (photo, painting))
    assert as_it_was["content"] == as_it_was["range"] == 0
    assert as_it_was["light"] < 0.05
    assert as_the_painting["content"] > 0.1
    assert as_the_painting["style"] < 1e-3 * as_it_was["style"]


def test_style_weighs_little_at_first(objective: Objective, stripes: Stripes) -> None:
    photo = stripes(31)
    first, later, last = (losses(objective, photo, photo, spent) for spent in (0, 0.25, 1))
    assert first["style"] == pytest.approx(0.25 * later["style"])
    assert later == last


def test_what_cannot_be_shown_costs(objective: Objective, stripes: Stripes) -> None:
    photo = stripes(31)
    assert losses(objective, photo + 1, photo)["range"] > losses(objective, photo, photo)["range"]


def test_each_crop_is_to_have_the_style(objective: Objective, stripes: Stripes) -> None:
    """Not half of them too dark and half too light."""
    painting, photo = stripes(9), stripes(31)
    dark, light = 0.5 * painting, 0.5 * painting + 0.5
    whole, apart = torch.cat((painting, painting)), torch.cat((dark, light))
    photos = torch.cat((photo, photo))
    assert (
        losses(objective, whole, photos)["style"] < 0.1 * losses(objective, apart, photos)["style"]
    )


@pytest.mark.parametrize(("times", "share"), [(2, 0.2), (4, 1)])
def test_strokes_are_to_add_up_to_what_the_painting_s_do(
    vgg: Vgg, times: int, share: float
) -> None:
    painting = torch.rand(1, 3, 96, 96, generator=Generator().manual_seed(0))
    sums = F.interpolate(F.avg_pool2d(painting, times), scale_factor=times)
    strokes = painting - sums + 0.5
    grey = torch.full_like(painting, 0.5)
    objective = Objective(RECIPE, painting[0], [grey[0]], vgg)
    hollow, blurred = (losses(objective, one, grey)["style"] for one in (strokes, sums))
    assert blurred < share * hollow


def test_weights_are_the_recipe_s(stripes: Stripes, vgg: Vgg) -> None:
    photo, painted = stripes(31), stripes(17) * 1.5
    weights = {"content": 3, "style": 50, "palette": 5, "stranger": 6, "light": 9}
    weights |= {"tone": 8, "range": 70}
    plain, weighted = (
        losses(Objective(recipe, stripes(9)[0], [photo[0]], vgg), painted, photo)
        for recipe in (_weighing(dict.fromkeys(weights, 1)), _weighing(weights))
    )
    assert weighted == pytest.approx({name: weights[name] * plain[name] for name in weights})


def _weighing(weights: Mapping[str, float]) -> Recipe:
    return replace(RECIPE, **{f"{name}_weight": weight for name, weight in weights.items()})
