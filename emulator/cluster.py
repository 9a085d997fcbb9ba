"""The compute cluster: its nodes, which jobs hold and wait for, and their cores."""

import os
import threading
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager


class StoppedError(Exception):
    """The job was stopped before its end; the message says by what."""


class Cluster:
    """The nodes that jobs run on and wait for.

    Each has as many cores of this machine as the others, and to itself, as far as there are enough.
    """

    def __init__(self, nodes: int) -> None:
        """Begin with `nodes` nodes, all free."""
        self.size = nodes
        self._free = list(range(nodes))
        self._waiting: deque[threading.Event] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def nodes(self, count: int, stopped: threading.Event) -> Generator[set[int]]:
        """Hold `count` nodes, waiting for them in order of arrival, until `stopped`.

        Gives their cores, by number; none where this machine does not tell of them.

        Raises:
            StoppedError: `stopped` was set first.
        """
        held = self._wait(count, stopped)
        try:
            yield {core for node in held for core in _cores(node, self.size)}
        finally:
            with self._changed:
                self._free += held
                self._changed.notify_all()

    def _wait(self, count: int, stopped: threading.Event) -> list[int]:
        with self._changed:
            self._waiting.append(stopped)
            try:
                while self._waiting[0] is not stopped or len(self._free) < count:
                    if stopped.is_set():
                        raise StoppedError("Stopped while queued.")
                    self._changed.wait(timeout=0.2)
                held, self._free = self._free[:count], self._free[count:]
                return held
            finally:
                self._waiting.remove(stopped)
                self._changed.notify_all()


def _cores(node: int, nodes: int) -> list[int]:
    if not hasattr(os, "sched_getaffinity"):  # not Linux
        return []
    cores = sorted(os.sched_getaffinity(os.getpid()))
    each = max(1, len(cores) // nodes)
    first = node * each % len(cores)
    return cores[first : first + each]
