"""What workers leave beside the shards: pictures by their names, progress, why they gave up."""

from dataclasses import dataclass
from typing import Literal

from gpu_worker.plan.reading import Report

PREVIEW_NAME = "preview.jpg"
POSTER_NAME = "poster.jpg"
SHEET_NAME = "sheet.jpg"
SWATCHES_NAME = "swatches.json"
STYLE_NAME = "style.safetensors"
FAILURE_NAME = "failure.json"
PROGRESS_PREFIX = "progress-"
PROGRESS_NAME = f"{PROGRESS_PREFIX}000.json"
"""Rank 0 tells the progress of all ranks."""
BUDGET_PARTS = 100
"""Of the learning of a style, which has no frames: hundredths of its budget stand for them."""


@dataclass(frozen=True, slots=True)
class Progress(Report):
    """What the ranks have done so far; rank 0 writes it for all of them.

    Attributes:
        rank: of the writer in its MPI world.
        frames: painted in this attempt; of a learning, parts of its budget.
        frames_per_second: over the last few seconds.
        device: what it paints on, for people.
    """

    rank: int
    frames: int
    frames_per_second: float
    device: str

    @property
    def name(self) -> str:
        """File name of the writer's progress."""
        return f"{PROGRESS_PREFIX}{self.rank:03d}.json"


@dataclass(frozen=True, slots=True)
class Failure(Report):
    """Why a worker gave up.

    Attributes:
        fault: "input" is final; "world" is worth another attempt.
        message: one sentence for people.
        code: a stable name of the error, for programs.
    """

    fault: Literal["input", "world"]
    message: str
    code: str = ""
