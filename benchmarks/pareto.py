"""Picture quality against cost, for networks of different width, depth and kind.

Each network is learnt from random weights for the same number of steps, from the same crops in the
same order, and judged by the mean of the losses that it was learnt with over the last 50 steps.
Few steps and small crops: this ranks networks, it does not show what they can become.

    python -m benchmarks.pareto --painting FILE --content PHOTOS VIDEOS [--steps 250]
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

import torch

from benchmarks import report
from gpu_worker.learning.content import read_content
from gpu_worker.learning.learner import Budget, Learner, Lesson, learn
from gpu_worker.learning.pictures import read_painting
from gpu_worker.learning.recipe import Recipe
from gpu_worker.networks import Architecture, Network, build, flop_per_pixel, place

NETWORKS = (
    Architecture("StyleNet", 8, 3),
    Architecture("StyleNet", 16, 3),
    Architecture("StyleNet", 16, 5),
    Architecture("StyleNet", 24, 5),
    Architecture("StyleNet", 16, 5, depthwise=True),
    Architecture("StyleNet", 32, 5, fold=4),
    Architecture("StyleNet", 48, 5, fold=4),
    Architecture("StyleNet", 32, 5, fold=4, depthwise=True),
)
LAST_STEPS = 50
FRAME = (1, 3, 360, 640)
ROUNDS = 12
CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Point:
    """What a network costs, and how good it became.

    Attributes:
        architecture: of the network.
        flop_per_pixel: floating point operations.
        core_ms_per_frame: CPU time of one core for a frame of 640x360 in bfloat16, in milliseconds.
        loss: the sum of all losses, weighted.
        losses: each by its name, weighted.
    """

    architecture: Architecture
    flop_per_pixel: float
    core_ms_per_frame: float
    loss: float
    losses: Mapping[str, float]


def main() -> None:
    """Learn and judge each network, print a table and keep the results."""
    parser = report.options("benchmarks.pareto", __doc__)
    parser.add_argument("--painting", type=Path, required=True)
    parser.add_argument("--content", type=Path, nargs="+", required=True)
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--size", type=int, default=128, help="side of the crops in pixels")
    options = parser.parse_args()
    recipe = Recipe(steps=options.steps, minutes=0, size=options.size, batch=2)
    painting = read_painting(options.painting, recipe.painting_side)
    lesson = Lesson(recipe, painting, read_content(options.content), CPU)
    torch.set_num_threads(1)
    points = list(measure(lesson))
    kept = {
        "recipe": asdict(recipe),
        "painting": options.painting.name,
        "points": [asdict(point) for point in points],
    }
    report.keep(options.results, "pareto", ("torch",), kept)
    report.show("Quality against cost (lower is better)", [_row(point) for point in points])


def measure(lesson: Lesson) -> Iterator[Point]:
    """Learn each network and judge it."""
    for architecture in NETWORKS:
        torch.manual_seed(lesson.recipe.seed)
        learner = Learner(lesson, build(architecture))
        learnt = learn(learner, Budget(lesson.recipe), lambda _: None)
        last = learnt.losses[-LAST_STEPS:]
        losses = {name: round(fmean(step[name] for step in last), 4) for name in last[0]}
        yield Point(
            architecture=architecture,
            flop_per_pixel=flop_per_pixel(learnt.network),
            core_ms_per_frame=round(_core_milliseconds(learnt.network), 2),
            loss=losses.pop("total"),
            losses=losses,
        )


def _core_milliseconds(network: Network) -> float:
    """Time of one core for a frame of 640x360 in bfloat16, the best of some: CPU time, not wall."""
    painter = place(network.to(torch.bfloat16).eval(), CPU)
    frame = torch.rand(FRAME).to(torch.bfloat16)
    times: list[float] = []
    with torch.inference_mode():
        for _ in range(ROUNDS):
            start = time.process_time()
            painter(frame)
            times.append(time.process_time() - start)
    return min(times) * 1000


def _row(point: Point) -> dict[str, object]:
    return {
        "network": _name(point.architecture),
        "FLOP_per_pixel": point.flop_per_pixel,
        "core_ms_per_frame": point.core_ms_per_frame,
        "loss": point.loss,
    }


def _name(network: Architecture) -> str:
    """Say what a network is, shortly."""
    kind = ", depthwise" if network.depthwise else ""
    return f"width {network.width}, {network.blocks} blocks, fold {network.fold}{kind}"


if __name__ == "__main__":
    main()
