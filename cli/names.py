"""Names of files: how people read them, what they may be, where a painted video may go."""

from __future__ import annotations

import filecmp
import os
import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path

from cli.errors import CommandError

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
LONGEST = 240
"""Bytes of a name; most file systems hold 255, and a number may have to be added."""


def shown(file: Path) -> str:
    """Return a file's name as it can be printed, whatever bytes it is made of."""
    return printable(file.name)


def printable(text: str | Path) -> str:
    """Return text that can be printed on one line, of bytes that may be none."""
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", os.fsencode(text).decode("utf-8", "replace"))


def refused(error: OSError, file: str | Path = "") -> str:
    """Say what the system refuses, without its number; of which file, if it does not say itself."""
    named = printable(error.filename or file)
    return ": ".join(filter(None, (named, error.strerror or str(error))))


def check(file: Path) -> None:
    """Refuse a name that is no text.

    Raises:
        CommandError: it is not UTF-8.
    """
    try:
        file.name.encode()
    except UnicodeEncodeError as error:
        message = f"the name {shown(file)!r} is not UTF-8: rename the file and upload it again"
        raise CommandError(message, "bad-name") from error


def each_once(files: Sequence[Path]) -> list[Path]:
    """Leave out what is another name of a file before."""
    different: dict[Path, Path] = {}
    for file in files:
        different.setdefault(file.resolve(), file)
    return list(different.values())


def painted(stem: str, style: str) -> str:
    """Return the name of a painted video: `STEM.STYLE.mp4`, no longer than names may be."""
    ending = f".{style}.mp4"
    short = stem.encode("utf-8", "replace")[: LONGEST - len(ending.encode())]
    return short.decode("utf-8", "ignore") + ending


def all_painted(files: Sequence[Path], style: str) -> list[str]:
    """Name painted videos, each differently.

    Those that would have one name keep their endings, too; files of one name are numbered.
    """
    stems = Counter(file.stem for file in files)
    results: list[str] = []
    for file in files:
        stem = file.stem if stems[file.stem] == 1 else file.name
        first = Path(painted(stem, style))
        numbered = (first.with_stem(f"{first.stem} ({number})").name for number in count(1))
        results.append(next(name for name in chain([first.name], numbered) if name not in results))
    return results


def place(part: Path, file: Path, *, overwrite: bool) -> Path:
    """Give a file that is whole its name, or the name with a number where another file has it.

    Returns:
        The name; that of the file that is there where it holds the same.
    """
    if overwrite:
        return part.replace(file)
    for number in count():
        target = file.with_stem(f"{file.stem} ({number})") if number else file
        try:
            target.touch(exist_ok=False)
        except FileExistsError:
            if target.is_file() and filecmp.cmp(part, target, shallow=False):
                return target
        else:
            return part.replace(target)
    raise AssertionError("numbers do not end")


def of_style(file: Path) -> str:
    """Return the name of a style that is made of a file: `starry-night` of `Starry Night.jpg`."""
    return re.sub(r"[^\w]+", "-", printable(file.stem).casefold()).strip("-_")


def middle(text: str, width: int) -> str:
    """Shorten text to so many characters, in the middle: beginnings and endings tell most."""
    if len(text) <= width:
        return text
    tail = max(0, (width - 1) // 2)
    return f"{text[: max(0, width - 1 - tail)]}…{text[len(text) - tail :]}"
