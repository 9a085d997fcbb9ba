"""The compute cluster: its nodes, which jobs hold and wait for."""

import threading
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager


class StoppedError(Exception):
    """The job was stopped before its end; the message says by what."""


class Cluster:
    """The nodes that jobs run on and wait for."""

    def __init__(self, nodes: int) -> None:
        """Begin with `nodes` nodes, all free."""
        self.size = nodes
        self._free = nodes
        self._waiting: deque[threading.Event] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def nodes(self, count: int, stopped: threading.Event) -> Generator[None]:
        """Hold `count` nodes, waiting for them in order of arrival, until `stopped`.

        Raises:
            StoppedError: `stopped` was set first.
        """
        self._wait(count, stopped)
        try:
            yield
        finally:
            with self._changed:
                self._free += count
                self._changed.notify_all()

    def _wait(self, count: int, stopped: threading.Event) -> None:
        with self._changed:
            self._waiting.append(stopped)
            try:
                while self._waiting[0] is not stopped or self._free < count:
                    if stopped.is_set():
                        raise StoppedError("Stopped while queued.")
                    self._changed.wait(timeout=0.2)
                self._free -= count
            finally:
                self._waiting.remove(stopped)
                self._changed.notify_all()
