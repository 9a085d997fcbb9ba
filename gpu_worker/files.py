"""Files on a mounted blob container, which is no disk.

Azure Machine Learning's mount renames nothing, appends nothing, uploads a file some time after it
is closed, and may show it before it is whole; a node that is lost takes with it what it has not
uploaded. So a file is written under its own name at once, and whoever reads it proves it whole.
"""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Final

from gpu_worker.plan import SEAL_BYTES, Plan, Shard, seal

_DIGEST: Final = hashlib.sha256
_SERIAL_BYTES: Final = 8
_OTHERS_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.01


def write_whole(path: Path, content: bytes) -> None:
    """Write a file at once, over what was there."""
    path.write_bytes(content)


def write_first(path: Path, content: bytes) -> None:
    """Write a JSON document unless another rank was first; then see to it that its file is whole.

    Ranks that fail at one time end each other: written over, the file would be empty when the
    second is ended before its bytes are out, and so it would when the first is ended by the second.
    """
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        end = time.monotonic() + _OTHERS_SECONDS
        while not is_json(path) and time.monotonic() < end:
            time.sleep(_LOOK_SECONDS)


def write_shard_file(path: Path, content: bytes, plan: Plan, shard: Shard) -> None:
    """Write a shard's file, and its seal last: the shard is there when that is."""
    proof = seal(plan, shard, [content])
    with path.open("wb") as file:
        file.write(content)
        file.write(proof)


def is_sealed(path: Path, plan: Plan, shard: Shard) -> bool:
    """Tell whether the file of a shard is there, whole, and of this job and place."""
    try:
        whole = path.read_bytes()
    except FileNotFoundError:
        return False
    return seal(plan, shard, [whole[:-SEAL_BYTES]]) == whole[-SEAL_BYTES:]


def is_json(path: Path) -> bool:
    """Tell whether a file holds a JSON document; half a one does not."""
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True


class Kept:
    """What a run keeps for the one that goes on after it: two files, written in turn.

    Each begins with a number that rises and ends with a SHA-256 of all before it, so that a run
    which ends in the midst of writing one leaves the other.
    """

    def __init__(self, path: Path) -> None:
        """Name the files: `path`, and beside it one with `.2` at its end."""
        self._paths = (path, path.with_name(f"{path.name}.2"))
        self._last: int | None = None

    def write(self, content: bytes) -> None:
        """Keep `content` in place of the older of the two."""
        serial = (self._latest()[0] if self._last is None else self._last) + 1
        body = serial.to_bytes(_SERIAL_BYTES) + content
        write_whole(self._paths[(serial + 1) % 2], body + _DIGEST(body).digest())
        self._last = serial

    def read(self) -> bytes | None:
        """Return what was kept last; None if there is nothing whole."""
        serial, content = self._latest()
        return content if serial else None

    def _latest(self) -> tuple[int, bytes]:
        return max(map(_read_kept, self._paths), key=lambda kept: kept[0])

    def forget(self) -> None:
        """Delete both files."""
        for path in self._paths:
            path.unlink(missing_ok=True)


def _read_kept(path: Path) -> tuple[int, bytes]:
    """Return number and content of a file; the number 0 if it is not there, or not whole."""
    try:
        whole = path.read_bytes()
    except FileNotFoundError:
        return 0, b""
    size = _DIGEST().digest_size
    body, digest = whole[:-size], whole[-size:]
    if len(body) < _SERIAL_BYTES or _DIGEST(body).digest() != digest:
        return 0, b""
    return int.from_bytes(body[:_SERIAL_BYTES]), body[_SERIAL_BYTES:]
