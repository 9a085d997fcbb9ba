"""What ends a program that runs an emulator ends the emulator: every such signal is as Ctrl-C."""

import signal
from types import FrameType


def end_as_interrupts() -> None:
    """Raise KeyboardInterrupt for SIGTERM as for SIGINT, so that contexts are left.

    For SIGINT too: whoever is started in the background by a shell inherits that it is ignored.
    """
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _interrupt)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
