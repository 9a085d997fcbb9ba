"""The nodes that can paint: how many GPUs each has, how fast they are, what an hour costs.

`gpus.json` is the one table of them; infra/main.bicep reads the same file. Its rates are assumed,
none is measured yet: 15 megapixels a second for each core that a GPU has to itself, since x264
encodes there, but at most the GPU's memory bandwidth divided by 1.5 kB a pixel. Its prices are
dollars an hour as third parties listed them in 2026; null where none was at hand. Both can be set
from outside: MEGAPIXELS_PER_SECOND and NODE_PRICE_PER_HOUR.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

CURRENCY = "USD"

UNKNOWN_RATE = 60.0
"""Megapixels a second of a node that the table does not know: the slowest in it."""


@dataclass(frozen=True, slots=True)
class Node:
    """One size of virtual machine.

    Attributes:
        gpus: that it has; one MPI process paints on each.
        vcpus: that it has.
        memory_gib: of RAM.
        rate: megapixels a second that one GPU paints of the default style.
        dollars: an hour, dedicated; None if not known.
        dollars_low_priority: an hour, where the node may be taken away; None if not known.
    """

    gpus: int
    vcpus: int
    memory_gib: int
    rate: float
    dollars: float | None
    dollars_low_priority: float | None


TABLE = Path(__file__).with_name("gpus.json")

NODES = {sku: Node(**fields) for sku, fields in json.loads(TABLE.read_text()).items()}
"""The sizes by SKU."""

_SKU = re.compile(r"Standard_([A-Z]{2})\d+[a-z]+_([A-Z]+\d+)_v\d")


def quota_family(sku: str, low_priority: bool) -> re.Pattern[str]:
    """Return by what Azure Machine Learning's name of the quota for nodes of a size is known.

    Args:
        sku: one of `NODES`.
        low_priority: nodes that may be taken away have one quota for all sizes together.
    """
    size = _SKU.fullmatch(sku)
    if size is None:
        raise ValueError(f"{sku} is no size of nodes with GPUs")
    family = "low.?pri" if low_priority else rf"{size[1]}\w*{size[2]}(?!\d)"
    return re.compile(family, re.IGNORECASE)
