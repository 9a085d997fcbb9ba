"""Learn a style from one painting: `python -m gpu_worker.learn --painting FILE --out STYLE`.

VGG-16 judges, whose weights the project holds: there is nothing to download. One GPU or a CPU, no
MPI. A run that was killed goes on when its command is repeated.
"""

import argparse
import json
import logging
import math
import sys
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict, fields, replace
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from gpu_worker.errors import InputError, WorkerError
from gpu_worker.failure import reported
from gpu_worker.hardware import cpu
from gpu_worker.hardware.device import usable_device
from gpu_worker.learning.content import PHOTOS, read_content
from gpu_worker.learning.learner import (
    Budget,
    Learner,
    Learnt,
    Lesson,
    Losses,
    learn,
)
from gpu_worker.learning.pictures import PICTURE_SUFFIXES, read_painting, write_sheet
from gpu_worker.learning.progress import BudgetReporter
from gpu_worker.learning.recipe import Recipe
from gpu_worker.learning.state import State
from gpu_worker.networks.architectures import Architecture, Network, StyleNet
from gpu_worker.styles.model import BLOCKS_MAX, WIDTH_MAX, load_style, save_style
from gpu_worker.styles.thumbnail import small_jpeg

START = Path(__file__).parent / "learning" / "base.safetensors"

_PREVIEW_PHOTOS = 3
_PREVIEW_TILE = (288, 432)
_CANVAS = 0.7
"""Share of the canvas that is taken in the end, for a frame has room for what a crop has to hold by
itself."""
_THIN = 0.75
"""And of thin strokes, of that: those are dashes where a frame shows nothing."""
_LAST_STEPS = 50
_CURVE_POINTS = 20
_INTERRUPTED = 130  # as shells have it for SIGINT
_WIDTH, _BLOCKS = 32, 4

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 1 where something given cannot be used, 130 on ^C."""
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    options = _parse(arguments)
    cpu.use_all()
    try:
        with reported(options.report, "unusable-painting"):
            _run(options)
    except WorkerError as error:
        log.error("%s", error)
        return 1
    except KeyboardInterrupt:
        log.error("Stopped; repeat the command to go on from the last minute.")
        return _INTERRUPTED
    return 0


def preview(path: Path, painting: Tensor, photos: Sequence[Tensor], network: Network) -> None:
    """Write a sheet: the painting and some photos; under them the same photos, painted."""
    step = math.ceil(len(photos) / _PREVIEW_PHOTOS)
    chosen = photos[step // 2 :: step]
    device = next(network.parameters()).device
    with torch.inference_mode():
        painted = [network(photo[None].to(device))[0] for photo in chosen]
    write_sheet(path, [[painting, *chosen], [painting, *painted]], _PREVIEW_TILE)


def _run(options: argparse.Namespace) -> None:
    _check_outputs(options)
    lesson, network = _lesson(options), _network(options)
    learner = Learner(lesson, network)
    state = State(options.out, lesson, network.architecture)
    budget = Budget(lesson.recipe, state.restore(learner))

    def keep(minutes: float) -> None:
        state.keep(learner, minutes)
        if options.preview:
            painter = _painter(learner.network)
            preview(options.preview, lesson.painting, lesson.content.pictures, painter)

    learnt = learn(learner, budget, keep, _tell(options, lesson))
    keep(learnt.minutes)
    save_style(options.out, _painter(learnt.network), _metadata(options, lesson, learnt))
    state.forget()
    log.info("%s: %d steps in %.1f minutes", options.out, len(learnt.losses), learnt.minutes)


def _painter(network: StyleNet) -> StyleNet:
    """Return a copy that takes less of the canvas than was learnt."""
    painter = deepcopy(network)
    painter.take_less_canvas(_CANVAS, thin=_THIN)
    return painter


def _tell(options: argparse.Namespace, lesson: Lesson) -> Callable[[float], None] | None:
    """Return what tells those who started this how much of the budget is spent."""
    return BudgetReporter(options.report, str(lesson.device)) if options.report else None


def _check_outputs(options: argparse.Namespace) -> None:
    """Refuse before the work what could not be written after it."""
    for path in (options.out, options.preview):
        if path and not path.parent.is_dir():
            raise InputError(f"There is no folder {path.parent} to write {path.name} to.")
    if options.preview and options.preview.suffix.lower() not in PICTURE_SUFFIXES:
        raise InputError(f"The sheet {options.preview.name} is to be a .png or a .jpg.")


def _lesson(options: argparse.Namespace) -> Lesson:
    recipe = _recipe(options)
    painting = read_painting(options.painting, recipe.painting_side)
    content = read_content([*options.content, PHOTOS])
    return Lesson(recipe, painting, content, usable_device())


def _recipe(options: argparse.Namespace) -> Recipe:
    """The default recipe with what the command line changes; steps alone lift the time bound."""
    given = {field.name: getattr(options, field.name) for field in fields(Recipe)}
    changed = {name: value for name, value in given.items() if value is not None}
    unbounded = {"minutes": 0.0} if options.steps else {}
    return replace(Recipe(), **(unbounded | changed))


def _network(options: argparse.Namespace) -> StyleNet:
    """The network to start from: a style, or random weights of a given size.

    Raises:
        InputError: the style is of another network than the project's own.
    """
    if options.width is None and options.blocks is None:
        network = load_style(options.start).network
        if not isinstance(network, StyleNet):
            raise InputError(f"{options.start.name} is no style that was learnt from a painting.")
        return network
    torch.manual_seed(options.seed or Recipe().seed)
    width = options.width or _WIDTH
    blocks = _BLOCKS if options.blocks is None else options.blocks
    return StyleNet(Architecture(StyleNet.__name__, width, blocks))


def _metadata(options: argparse.Namespace, lesson: Lesson, learnt: Learnt) -> dict[str, str]:
    return {
        "painting": options.painting_name or options.painting.name,
        "picture": small_jpeg(lesson.painting),
        "licence": options.licence,
        "recipe": json.dumps(asdict(lesson.recipe)),
        "seed": str(lesson.recipe.seed),
        "steps": str(len(learnt.losses)),
        "minutes": f"{learnt.minutes:.1f}",
        "losses": json.dumps(_means(learnt.losses[-_LAST_STEPS:])),
        "curve": json.dumps(_curve(learnt.losses)),
    }


def _means(losses: Sequence[Losses]) -> Losses:
    return {name: round(fmean(step[name] for step in losses), 4) for name in losses[0]}


def _curve(losses: Sequence[Losses]) -> list[Losses]:
    """Means over as many equal parts of the run as make a curve."""
    part = math.ceil(len(losses) / _CURVE_POINTS)
    return [_means(losses[first : first + part]) for first in range(0, len(losses), part)]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m gpu_worker.learn",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--painting", type=Path, required=True, help="picture of the painting")
    add("--painting-name", help="for the metadata (default: its file's name)")
    practise = "photos, videos, or folders of them, to practise on beside the project's photos"
    add("--content", type=Path, nargs="+", default=(), help=practise)
    add("--out", type=Path, required=True, help="the style to write (.safetensors)")
    add("--preview", type=Path, help="sheet to write every minute (.png or .jpg)")
    add("--report", type=Path, help="folder for notes on progress, and on why it failed")
    add("--licence", default="Public domain", help="of the painting, for the metadata")
    add("--start", type=Path, default=START, help="style to start from (default: the project's)")
    add("--width", type=_whole(1, WIDTH_MAX), help="start anew: channels of the first layer (32)")
    add("--blocks", type=_whole(0, BLOCKS_MAX), help="start anew: residual blocks (4)")
    _add_recipe(parser)
    return parser.parse_args(arguments)


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    """Add an option for each field of the recipe."""
    for field in fields(Recipe):
        read = _whole if isinstance(field.default, int) else _number
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=read(field.metadata["minimum"]),
            help=f"{field.metadata['help']} (default: {field.default})",
        )


def _whole(minimum: int, maximum: int = 2**31) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or not minimum <= int(text) <= maximum:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a whole number from {minimum} to {maximum}"
            )
        return int(text)

    return parse


def _number(minimum: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not minimum <= number < math.inf:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {minimum} up")
        return number

    return parse


if __name__ == "__main__":
    sys.exit(main())
