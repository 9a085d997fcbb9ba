"""Files that appear whole or not at all, whoever is killed and whoever looks on."""

from __future__ import annotations

from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write under another name in the same folder, then rename."""
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
