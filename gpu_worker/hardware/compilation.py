"""Compilation: the graph as one program for the device, where that pays and where it works.

torch.compile needs a C++ compiler, takes about half a minute for a network that it has not seen,
and fuses what lies between the convolutions. Painting never fails for want of it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Compilation:
    """Whether to compile.

    Attributes:
        wanted: compile.
        reason: why, or why not, for the log.
    """

    wanted: bool
    reason: str

    @classmethod
    def choose(cls, device: torch.device, asked: bool | None = None) -> Self:
        """Do as asked, or else as the kind of device suggests."""
        if asked is not None:
            return cls(asked, "as asked for")
        if device.type == "cpu":
            return cls(False, "on a CPU the convolutions alone set the pace")
        return cls(True, "on a GPU what lies between the convolutions costs as much as they do")

    def __str__(self) -> str:
        """Say what is done and the reason."""
        return f"{'compiled' if self.wanted else 'as it stands'} ({self.reason})"


def compiled(graph: nn.Module, example: Tensor) -> Callable[[Tensor], Tensor]:
    """Compile `graph` for batches of the shape of `example`, by running it once.

    Returns:
        The compiled graph; or, with the reason in the log, `graph` itself if it cannot be done.
    """
    start = time.monotonic()
    try:
        fast = torch.compile(graph, dynamic=False)
        with torch.inference_mode():
            fast(example)
    except RuntimeError as error:
        log.warning("painting as it stands: the graph does not compile", exc_info=error)
        return graph
    log.info("compiled in %.0f s", time.monotonic() - start)
    return fast
