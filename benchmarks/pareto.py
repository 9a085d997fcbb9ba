"""Picture quality against cost, for networks of different width, depth and kind.

Each network is learnt for the same number of steps, from the same crops in the same order, and
judged by the losses that it was learnt with, without the adversary, which differs from network to
network. Few steps and small crops: this ranks networks, it does not show what they can become.

    python -m benchmarks.pareto --painting FILE --content PHOTOS [--steps N]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.report import keep
from gpu_worker.learning.content import read_content
from gpu_worker.learning.learner import Recipe, learn
from gpu_worker.learning.pictures import read_painting
from gpu_worker.networks import Architecture, Network, flop_per_pixel, place

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
JUDGES = ("brushwork", "patches", "palette", "structure", "stability")
LAST_STEPS = 50
FRAME = (1, 3, 360, 640)
ROUNDS = 12


def main() -> None:
    """Learn and judge each network, print a table and keep the results."""
    options = _parse()
    recipe = Recipe(steps=options.steps, minutes=0, size=options.size, batch=2, feature_steps=200)
    painting = read_painting(options.painting, recipe.painting_side)
    photos = read_content(options.content)
    torch.set_num_threads(1)
    points = list(_points(recipe, painting, photos))
    keep(
        "pareto",
        ("torch",),
        {"recipe": asdict(recipe), "painting": options.painting.name, "points": points},
    )
    Console().print(_table(points))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pareto", description=__doc__)
    parser.add_argument("--painting", type=Path, required=True)
    parser.add_argument("--content", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--size", type=int, default=128, help="side of the crops in pixels")
    return parser.parse_args()


def _points(
    recipe: Recipe, painting: torch.Tensor, photos: Sequence[torch.Tensor]
) -> Iterator[dict[str, object]]:
    for architecture in NETWORKS:
        learnt = learn(architecture, recipe, painting, photos, torch.device("cpu"))
        last = learnt.losses[-LAST_STEPS:]
        losses = {name: round(fmean(step[name] for step in last), 4) for name in JUDGES}
        flop = flop_per_pixel(learnt.network)
        yield {
            "architecture": asdict(architecture),
            "flop_per_pixel": flop,
            "core_ms_per_frame": round(core_milliseconds(learnt.network), 2),
            "loss": round(sum(losses.values()), 4),
            "losses": losses,
        }


def core_milliseconds(network: Network) -> float:
    """Time of one core for a frame of 640x360 in bfloat16, the best of some: CPU time, not wall."""
    painter = place(network.to(torch.bfloat16).eval(), "cpu")
    frame = torch.rand(FRAME).to(torch.bfloat16)
    times: list[float] = []
    with torch.inference_mode():
        for _ in range(ROUNDS):
            start = time.process_time()
            painter(frame)
            times.append(time.process_time() - start)
    return min(times) * 1000


def _table(points: Sequence[dict[str, object]]) -> Table:
    table = Table(title="Quality against cost (lower is better)")
    for column in ("network", "FLOP/pixel", "core ms/frame", "loss"):
        table.add_column(column, justify="left" if column == "network" else "right")
    for point in points:
        network = Architecture(**point["architecture"])
        table.add_row(
            name(network),
            *(f"{point[key]}" for key in ("flop_per_pixel", "core_ms_per_frame", "loss")),
        )
    return table


def name(network: Architecture) -> str:
    """Say what a network is, shortly."""
    kind = ", depthwise" if network.depthwise else ""
    return f"width {network.width}, {network.blocks} blocks, fold {network.fold}{kind}"


if __name__ == "__main__":
    main()
