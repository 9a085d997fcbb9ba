"""What painting takes and costs: how many nodes, for how long, at what price.

A node is counted from the moment that a job has left Azure Machine Learning's queue to the job's
end. The minutes that it takes to come, and those that it waits for another job, are billed too and
counted nowhere: no job can tell them from its neighbour's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from function_app.settings import Settings
from gpu_worker.plan import Picture

START_SECONDS = 120
"""Assumed: until a node that has come has the worker's image and paints its first frame."""
DEFAULT_FLOP_PER_PIXEL = 44_969
"""Of StyleNet, width 32, 4 blocks, at 640x360; the rates of `gpus` speak of it."""
HEAVIEST = 1000.0
"""Of styles, in default styles: a file may claim anything."""
CENTS = 4
"""Decimals of an amount: a short clip costs less than a cent."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one job costs, as its status shows it.

    Attributes:
        estimate: before it started.
        spent: so far.
        currency: of both.
    """

    estimate: float
    spent: float
    currency: str


def megapixels(frames: int, picture: Picture, flop_per_pixel: float | None = None) -> float:
    """Return how much there is to paint, in megapixels of the default style.

    Args:
        frames: of the video.
        picture: their size.
        flop_per_pixel: of the style; None if not known. What costs less than the default style is
            not faster, since decoding and encoding then set the pace.
    """
    weight = (flop_per_pixel or 0) / DEFAULT_FLOP_PER_PIXEL
    weight = min(weight, HEAVIEST) if weight > 1 else 1.0
    return weight * frames * picture.width * picture.height / 1e6


def node_seconds(amount: float, limits: Settings) -> float:
    """Return how long one node paints so many megapixels, in seconds."""
    return amount / (limits.rate * limits.aml_processes_per_node)


def nodes_for(amount: float, limits: Settings) -> int:
    """Return how many nodes paint so many megapixels in about the target time."""
    needed = node_seconds(amount, limits) / (limits.target_minutes * 60)
    return max(1, min(limits.aml_nodes_max, math.ceil(needed)))


def estimate(amount: float, nodes: int, limits: Settings) -> float | None:
    """Return what painting so many megapixels will cost; None if the price is not known."""
    return price_of(nodes * START_SECONDS + node_seconds(amount, limits), limits.price)


def estimate_learning(limits: Settings) -> float | None:
    """Return what learning a painting will cost at most; None if the price is not known."""
    return price_of(START_SECONDS + 60 * limits.learn_minutes, limits.price)


def price_of(node_seconds: float, price: float | None) -> float | None:
    """Return what so much of one node comes to at its price an hour; None if that is not known."""
    return None if price is None else round(price * node_seconds / 3600, CENTS)
