"""Learn a style from one painting: `python -m gpu_worker.learn --painting FILE --content DIR ...`.

Needs no pretrained weights: textures are described by features learnt from the painting and the
photos, by distributions of patches, and by a small adversary. One GPU or a CPU, no MPI.
"""

import argparse
import json
import logging
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from gpu_worker.errors import WorkerError
from gpu_worker.learning.content import read_content
from gpu_worker.learning.learner import CROP_SIDE_MIN, Learnt, Recipe, learn
from gpu_worker.learning.pictures import read_painting, write_sheet
from gpu_worker.model import BLOCKS_MAX, WIDTH_MAX, save_style
from gpu_worker.networks import Architecture, Network, StyleNet

_PREVIEW_PHOTOS = 3
_PREVIEW_TILE = (288, 432)
_LAST_STEPS = 50

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code, 1 where something given cannot be used."""
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    options = _parse(arguments)
    try:
        _run(options)
    except WorkerError as error:
        log.error("%s", error)
        return 1
    return 0


def preview(path: Path, painting: Tensor, photos: Sequence[Tensor], network: Network) -> None:
    """Write a sheet: the painting and some photos; under them the same photos, painted."""
    chosen = photos[:: math.ceil(len(photos) / _PREVIEW_PHOTOS)]
    device = next(network.parameters()).device
    with torch.inference_mode():
        painted = [network(photo[None].to(device))[0] for photo in chosen]
    write_sheet(path, [[painting, *chosen], [painting, *painted]], _PREVIEW_TILE)


def _run(options: argparse.Namespace) -> None:
    recipe = _recipe(options)
    architecture = Architecture(StyleNet.__name__, options.width, options.blocks)
    painting = read_painting(options.painting, recipe.painting_side)
    photos = read_content(options.content)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    show = partial(preview, options.preview, painting, photos) if options.preview else None
    learnt = learn(architecture, recipe, painting, photos, device, show)
    if show:
        show(learnt.network)
    save_style(options.out, learnt.network, _metadata(options, recipe, learnt))
    log.info("%s: %d steps in %.1f minutes", options.out, len(learnt.losses), learnt.minutes)


def _recipe(options: argparse.Namespace) -> Recipe:
    """The default recipe with what the command line changes; steps alone lift the time bound."""
    unbounded = 0.0 if options.steps else Recipe().minutes
    return Recipe(
        steps=options.steps,
        minutes=options.minutes or unbounded,
        seed=options.seed,
        size=options.size,
        feature_steps=options.feature_steps,
    )


def _metadata(options: argparse.Namespace, recipe: Recipe, learnt: Learnt) -> dict[str, str]:
    last = learnt.losses[-_LAST_STEPS:]
    names = last[0] if last else ()
    losses = {name: round(fmean(step[name] for step in last), 4) for name in names}
    return {
        "painting": options.painting.name,
        "licence": options.licence,
        "recipe": json.dumps(asdict(recipe)),
        "seed": str(recipe.seed),
        "steps": str(len(learnt.losses)),
        "minutes": f"{learnt.minutes:.1f}",
        "losses": json.dumps(losses),
    }


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m gpu_worker.learn", description=__doc__)
    add, default = parser.add_argument, Recipe()
    add("--painting", type=Path, required=True, help="picture of the painting")
    add("--content", type=Path, required=True, help="folder of photos, or a video")
    add("--out", type=Path, required=True, help="the style to write (.safetensors)")
    add("--preview", type=Path, help="picture to write every minute (.png or .jpg)")
    add("--minutes", type=_minutes, default=0.0, help="time at most (10 without --steps)")
    add("--steps", type=_whole(1), default=0, help="steps at most")
    add("--seed", type=_whole(0), default=default.seed, help="of every random number")
    add("--size", type=_whole(CROP_SIDE_MIN), default=default.size, help="side of crops in pixels")
    add("--feature-steps", type=_whole(1), default=default.feature_steps, help="for textures")
    add(
        "--width",
        type=_whole(1, WIDTH_MAX),
        default=16,
        help="channels of the network's first layer",
    )
    add("--blocks", type=_whole(0, BLOCKS_MAX), default=5, help="residual blocks of the network")
    add("--licence", default="Public domain", help="of the painting, for the metadata")
    return parser.parse_args(arguments)


def _whole(minimum: int, maximum: int = 2**31) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or not minimum <= int(text) <= maximum:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a whole number from {minimum} to {maximum}"
            )
        return int(text)

    return parse


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not 0 < minutes < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of minutes over 0")
    return minutes


if __name__ == "__main__":
    sys.exit(main())
