"""What passes by itself is waited out: a network that is gone, a server that starts again.

Whoever waits says so once, however many threads wait for the same thing, and once more when it is
over. Nothing is waited for longer than `LIMIT_S`.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from cli.errors import UnreachableError

LIMIT_S = 900.0
"""Seconds without any success, after which it is given up."""

FIRST_S = 0.5
LONGEST_S = 15.0


class Passing(Exception):  # noqa: N818 - no error yet
    """Something failed that may well succeed later.

    Attributes:
        wait_s: seconds that the other side asks to be left alone; 0 where it does not.
    """

    def __init__(self, sentence: str, wait_s: float = 0.0) -> None:
        """Keep both."""
        super().__init__(sentence)
        self.wait_s = wait_s


class Stopped(Exception):  # noqa: N818 - no error
    """The user wants no more of it."""


class Patience:
    """Tries again what passes, with longer and longer waits; one for all threads.

    Args:
        say: tells people what is waited for.

    Attributes:
        stopping: set where nobody wants to wait any longer.
    """

    def __init__(self, say: Callable[[str], object]) -> None:
        """Begin with nothing wrong."""
        self._say = say
        self._lock = threading.Lock()
        self._trouble = ""
        self.stopping = threading.Event()

    def through[T](self, deed: Callable[[], T]) -> T:
        """Do something until it succeeds, or fails by anything but `Passing`.

        Raises:
            UnreachableError: it did not succeed in `LIMIT_S`.
            Stopped: nobody wants to wait any longer.
        """
        started, wait_s = time.monotonic(), FIRST_S
        while True:
            try:
                value = deed()
            except Passing as trouble:
                if time.monotonic() - started > LIMIT_S:
                    minutes = LIMIT_S / 60
                    raise UnreachableError(f"{trouble}, for {minutes:.0f} minutes now") from trouble
                self._begin(str(trouble))
                self.pause(max(wait_s * random.uniform(0.75, 1.25), trouble.wait_s))
                wait_s = min(2 * wait_s, LONGEST_S)
            else:
                self._end()
                return value

    def pause(self, seconds: float) -> None:
        """Wait.

        Raises:
            Stopped: nobody wants to wait any longer.
        """
        if self.stopping.wait(seconds):
            raise Stopped

    def _begin(self, trouble: str) -> None:
        with self._lock:
            if not self._trouble:
                self._say(f"{trouble}: waiting until that is over; Ctrl-C gives up.")
            self._trouble = trouble

    def _end(self) -> None:
        with self._lock:
            if self._trouble:
                self._say("It goes on.")
            self._trouble = ""
