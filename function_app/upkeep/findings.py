"""Findings: what a look at a deployment shows, and what to do where it is not as it should be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from azure.core.exceptions import AzureError

from function_app.errors import AtelierError

OK, WRONG, UNKNOWN = "ok", "wrong", "unknown"


class WrongError(AtelierError):
    """What a check found wrong."""


class UnknownError(AtelierError):
    """What a check may not see."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be as it should.

    Attributes:
        name: for people.
        look: returns what was found; raises where it is wrong.
        advice: what to do if it is wrong.
    """

    name: str
    look: Callable[[], str]
    advice: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: ok, wrong, or unknown to who asks."""

    name: str
    state: str
    detail: str
    advice: str = ""

    @classmethod
    def of_error(cls, name: str, error: AtelierError | AzureError, advice: str) -> Self:
        """Say in a sentence what went wrong."""
        return cls(name, WRONG, str(error).strip().partition("\n")[0], advice)

    def __str__(self) -> str:
        """Return a line for people, and a second one with what to do."""
        line = f"{self.state:8} {self.name:24} {self.detail}"
        return f"{line}\n{'':8} {'':24} -> {self.advice}" if self.advice else line


def examine(checks: Sequence[Check]) -> Iterator[Finding]:
    """Yield what each check finds."""
    for check in checks:
        try:
            yield Finding(check.name, OK, check.look())
        except UnknownError as error:
            yield Finding(check.name, UNKNOWN, str(error), "Ask again with --as-me, as an owner.")
        except (AtelierError, AzureError) as error:
            yield Finding.of_error(check.name, error, check.advice)
