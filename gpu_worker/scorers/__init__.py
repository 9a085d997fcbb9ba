"""Scorers: what looks at every frame of a video and says something of it, instead of painting it.

A style whose metadata name a `scorer` is one. The module of that name in this package makes it:

    def load(weights: Mapping[str, Tensor], device: torch.device) -> Scorer

So another scorer is another file here, and a style file that names it; docs/scorers.md shows one.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from gpu_worker.styles.model import StyleError, read_style

SCORER = "scorer"
"""Key of the metadata that names a style's scorer; a style without one paints."""

type Line = Mapping[str, Any]
"""What is said of one frame: names, and values that JSON can hold."""


class Scorer(Protocol):
    """Frames in, one line a frame out.

    What is said of a frame follows from it and the few before it alone: then it does not matter
    how the video was cut into shards and batches.

    Attributes:
        before: how many frames before a frame it takes to say something of it.
    """

    before: int

    def __call__(self, rgb: Tensor) -> Sequence[Line]:
        """Describe frames.

        Args:
            rgb: consecutive frames, `(before + N, 3, H, W)` float32 RGB, black 0 and white 1; of
                the first `before` nothing is to be said. Before a video's first frame stands that
                frame itself.

        Returns:
            N lines.
        """
        ...


def load_scorer(path: Path, device: torch.device) -> Scorer:
    """Make the scorer that a style names.

    Raises:
        StyleError: the file is missing or damaged, or names no scorer that there is.
    """
    weights, metadata = read_style(path)
    name = metadata.get(SCORER, "")
    known = sorted(module.name for module in pkgutil.iter_modules(__path__))
    # Looked up in a list, and not simply imported: a style file may name anything.
    if name not in known:
        raise StyleError(
            f"The style {path.name} needs the scorer {name!r}; there are {', '.join(known)}."
        )
    scorer: Scorer = importlib.import_module(f"{__name__}.{name}").load(weights, device)
    return scorer
