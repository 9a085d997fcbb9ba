"""What azd leaves out of a function app's package: `.funcignore`, by the rules of azd's matcher.

azd reads the file with github.com/denormal/go-gitignore, which is not git: the last pattern that
matches decides; a folder that is left out is not looked into, whatever is said of what it holds;
a pattern of one name matches the last part of a path wherever it is, but one that begins with `/`
is held against the whole path, and its `*` crosses `/`; a pattern with `/` inside is always held
against the whole path.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Self

ALWAYS_OUT = {".azure", ".funcignore", "local.settings.json"}


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line.

    Attributes:
        parts: between its separators.
        keeps: whether it takes back what an earlier line left out.
        anchored: whether it begins with a separator.
        folders: whether it is of folders only.
    """

    parts: tuple[str, ...]
    keeps: bool
    anchored: bool
    folders: bool

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read a line that is neither empty nor a comment."""
        text = line.removeprefix("!")
        parts = tuple(part for part in text.split("/") if part)
        return cls(parts, line != text, text.startswith("/"), text.endswith("/"))

    def matches(self, path: str, is_folder: bool) -> bool:
        """Tell whether the pattern is about a path."""
        if self.folders and not is_folder:
            return False
        if "**" in self.parts:
            return _matches_any_depth(path.split("/"), self.parts)
        if len(self.parts) > 1:
            return _matches_parts(path.split("/"), self.parts)
        return fnmatchcase(path if self.anchored else path.rpartition("/")[2], self.parts[0])


def published(root: Path) -> list[Path]:
    """Return the files of a folder that azd would publish, relative to it."""
    lines = (root / ".funcignore").read_text().splitlines()
    patterns = [Pattern.parse(line.rstrip()) for line in lines if line and not line.startswith("#")]
    files: list[Path] = []
    for folder, folders, names in root.walk():
        here = folder.relative_to(root)
        folders[:] = [name for name in folders if not _is_out(patterns, here / name, True)]
        files += [here / name for name in names if not _is_out(patterns, here / name, False)]
    return files


def _is_out(patterns: Sequence[Pattern], path: Path, is_folder: bool) -> bool:
    if path.name in ALWAYS_OUT:
        return True
    deciding = (each for each in reversed(patterns) if each.matches(path.as_posix(), is_folder))
    pattern = next(deciding, None)
    return pattern is not None and not pattern.keeps


def _matches_parts(path: Sequence[str], parts: Sequence[str]) -> bool:
    return len(path) == len(parts) and all(map(fnmatchcase, path, parts))


def _matches_any_depth(path: Sequence[str], parts: Sequence[str]) -> bool:
    if not parts:
        return not path
    if parts[0] == "**":
        deeper = bool(path) and _matches_any_depth(path[1:], parts)
        return _matches_any_depth(path, parts[1:]) or deeper
    return bool(path) and fnmatchcase(path[0], parts[0]) and _matches_any_depth(path[1:], parts[1:])
