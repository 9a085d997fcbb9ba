"""The clock of the function app's host and its children, which can be set: by libfaketime."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

AT_ONCE_S = 1
"""In which every process sees a step."""


class Clock:
    """The time of day that some processes see, so many seconds from everybody else's.

    Attributes:
        environment: of the processes that are to see it. What measures how long something takes
            goes on as ever.
    """

    environment: Mapping[str, str]

    def __init__(self, file: Path) -> None:
        """Show the right time.

        Args:
            file: where the processes read how far they are from it.
        """
        self._file = file
        self._offset = 0
        self.step(0)
        self.environment = {
            "LD_PRELOAD": str(_library()),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_CACHE_DURATION": str(AT_ONCE_S),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def step(self, seconds: int) -> None:
        """Set the clock forward, or back where `seconds` are less than 0."""
        self._offset += seconds
        self._file.write_text(f"{self._offset:+d}\n")


def _library() -> Path:
    package = find_spec("libfaketime")
    assert package is not None, "requirements-dev.in has it"
    assert package.origin is not None, "it is a package with code"
    (library,) = Path(package.origin).parent.rglob("libfaketime.so.1")
    return library
