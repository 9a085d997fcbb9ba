"""A terminal, and the handlers of the root logger as they were before a test."""

import io
import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import override


class Terminal(io.StringIO):
    @override
    def isatty(self) -> bool:
        return True


@contextmanager
def handlers_kept() -> Generator[None]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)
