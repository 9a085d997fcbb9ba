"""The boxes of MP4 and MOV (ISO/IEC 14496-12): enough to find, change and multiply them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"edts", b"udta", b"moof",
              b"traf", b"mvex"}  # fmt: skip
HEADER = 8


@dataclass(frozen=True, slots=True)
class Box:
    """Where a box lies in its file: `[start, end)`, its header included."""

    kind: bytes
    start: int
    end: int


def boxes(content: bytes) -> Iterator[Box]:
    """Yield the boxes of a file, each before those within it."""
    unread = [(0, len(content))]
    while unread:
        start, end = unread.pop()
        size = int.from_bytes(content[start : start + 4])
        if start + HEADER > end or size < HEADER or start + size > end:
            continue
        kind = content[start + 4 : start + HEADER]
        yield Box(kind, start, start + size)
        unread.append((start + size, end))
        if kind in CONTAINERS:
            unread.append((start + HEADER, start + size))


def box(kind: bytes, body: bytes) -> bytes:
    """Return a box."""
    return (HEADER + len(body)).to_bytes(4) + kind + body


def replaced(content: bytes, target: Box, by: bytes) -> bytes:
    """Put bytes in the place of a box; the boxes around it grow or shrink with it."""
    grown = bytearray(content[: target.start] + by + content[target.end :])
    for around in boxes(content):
        if around.start < target.start and target.end <= around.end:
            size = around.end - around.start + len(by) - (target.end - target.start)
            grown[around.start : around.start + 4] = min(size, 2**32 - 1).to_bytes(4)
    return bytes(grown)
