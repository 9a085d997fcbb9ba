"""The twin of a style: what a style would be without what this project does against flicker.

A network of the same size, with instance norm (Ulyanov et al. 2016) where a style has no norm,
that starts from the same weights and learns from the same painting and pictures by the same
recipe, except that nothing is asked of its stability, and for fewer steps.

    python -m benchmarks.twin STYLE --painting FILE --content PHOTOS VIDEOS [--steps 150]
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file  # pyright: ignore[reportUnknownVariableType]
from torch import nn

from benchmarks import report
from gpu_worker.learn import START
from gpu_worker.learning.content import read_content
from gpu_worker.learning.learner import Budget, Learner, Lesson, learn
from gpu_worker.learning.pictures import read_painting
from gpu_worker.learning.recipe import Recipe
from gpu_worker.networks.architectures import StyleNet
from gpu_worker.networks.layers import InstanceNorm
from gpu_worker.styles.model import load_style

TWINS = Path(__file__).with_name("twins")
STEPS = 150
STYLES = Path(__file__).parents[1] / "styles"


def main() -> None:
    """Learn the twin of a shipped style."""
    parser = report.command("benchmarks.twin", __doc__)
    parser.add_argument("style", choices=styles(), help="name of the shipped style")
    parser.add_argument("--painting", type=Path, required=True)
    parser.add_argument("--content", type=Path, nargs="+", required=True)
    parser.add_argument("--steps", type=int, default=STEPS, help="default: %(default)s")
    parser.add_argument(
        "--twins",
        type=Path,
        default=TWINS,
        metavar="FOLDER",
        help="where to put it (default: benchmarks/twins, where benchmarks.flicker looks)",
    )
    options = parser.parse_args()
    recipe = _recipe(load_style(styles()[options.style]).metadata, options.steps)
    painting = read_painting(options.painting, recipe.painting_side)
    lesson = Lesson(recipe, painting, read_content(options.content), torch.device("cpu"))
    learnt = learn(Learner(lesson, _untaught()), Budget(recipe), lambda _: None)
    state = learnt.network.state_dict()
    weights = {key: value.half().contiguous() for key, value in state.items()}
    options.twins.mkdir(parents=True, exist_ok=True)
    save_file(weights, options.twins / f"{options.style}.safetensors")


def styles() -> Mapping[str, Path]:
    """The shipped styles by name."""
    return {path.stem: path for path in sorted(STYLES.glob("*.safetensors"))}


def load(name: str) -> StyleNet | None:
    """The twin of a style, ready to paint; None where there is none."""
    path = TWINS / f"{name}.safetensors"
    if not path.exists():
        return None
    network = _untaught()
    network.load_state_dict(load_file(path))
    return network.eval()


def _untaught() -> StyleNet:
    """The network that styles start from, instance norm after each convolution but the last."""
    network = load_style(START).network
    assert isinstance(network, StyleNet)
    last = network.leave
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Conv2d) and child is not last:
                setattr(module, name, nn.Sequential(child, InstanceNorm(child.out_channels)))
    return network


def _recipe(metadata: Mapping[str, str], steps: int) -> Recipe:
    """The style's own recipe without the stability terms."""
    recipe = Recipe(**json.loads(metadata["recipe"]))
    return replace(recipe, steps=steps, minutes=0.0, equivariance=0.0, frame_difference=0.0)


if __name__ == "__main__":
    main()
