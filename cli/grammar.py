"""How a command line is read, and what is said of one that is wrong."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, override

import httpx
import typer
from typer.core import TyperCommand, TyperGroup

OF_DEPLOYMENT = {"--url", "--key", "--audience"}
PLAINER = (
    (r"Input should be a valid number\b.*", "it is no number"),
    (r"Input should be a valid integer\b.*", "it is no whole number"),
    (r"Input should be greater than or equal to (\S+)", r"it must be \1 or more"),
    (r"Input should be less than or equal to (\S+)", r"it must be \1 or less"),
    (r"Value error, (.+)\.", r"\1"),
    (r"file (.+) is a directory\.", r"\1 is a folder: name the files in it"),
    (r"dir (.+) is a file\.", r"\1 is a file, not a folder"),
)
"""What the library says of values, as patterns, and what people are told instead."""


def examples(*lines: str) -> str:
    """Show what might be typed, line for line as it is here."""
    return "\b\n" + "\n".join(["Examples:", *(f"  {line}" for line in lines)])


class Anywhere(TyperGroup):
    """Takes the options that name a deployment after the command, too."""

    @override
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line, those options first."""
        with _plainly():
            return super().parse_args(ctx, _deployment_first(args))


class Command(TyperCommand):
    """Writes in its usage what is to be typed: `FILE...`; takes files that look like options."""

    @override
    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words of the usage, without the library's braces for what is required."""
        pieces = super().collect_usage_pieces(ctx)
        return [re.sub("[{}]", "", piece).replace("]...", "...]") for piece in pieces]

    @override
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line; what is no option and is there is a file, dash or not."""
        options = {name for each in self.params for name in each.opts}
        words = [
            f"./{word}" if word.startswith("-") and word not in options and _is_file(word) else word
            for word in args
        ]
        with _plainly():
            return super().parse_args(ctx, words)


def _is_file(word: str) -> bool:
    try:
        return Path(word).is_file()
    except OSError:  # it is too long to be one
        return False


@contextmanager
def _plainly() -> Generator[None]:
    """Have what is wrong with a value said as people would."""
    try:
        yield
    except typer.BadParameter as error:
        for pattern, words in PLAINER:
            error.message = re.sub(f"^{pattern}$", words, error.message)
        raise


def _deployment_first(arguments: Sequence[str]) -> list[str]:
    """Put the options that name a deployment, with their values, before the command."""
    first, others, rest = list[str](), list[str](), deque(arguments)
    while rest and rest[0] != "--":
        word = rest.popleft()
        if word.partition("=")[0] not in OF_DEPLOYMENT:
            others.append(word)
        elif "=" in word:
            first.append(word)
        elif rest:
            first += [word, rest.popleft()]
        else:
            return [word]  # which is refused, for it has no value
    return [*first, *others, *rest]


def a_url(url: str) -> str:
    """Refuse what is no URL before it is asked for anything."""
    try:
        known = httpx.URL(url)
    except httpx.InvalidURL:
        known = httpx.URL()
    if known.scheme not in {"http", "https"} or not known.host:
        message = f"{url!r} is no URL: a URL begins with https://, or http:// on this machine"
        raise typer.BadParameter(message)
    return url


def a_key(key: str) -> str:
    """Refuse what no header can hold; the key is a secret, and not repeated."""
    if not (key.isascii() and key.isprintable()):
        message = "it holds characters that no key has: copy it anew, from its first to its last"
        raise typer.BadParameter(message)
    return key
