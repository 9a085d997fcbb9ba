"""The boxes of MP4 and MOV (ISO/IEC 14496-12): enough to find, change and multiply them."""

from __future__ import annotations

import struct
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


def with_box(content: bytes, entry: bytes, added: bytes) -> bytes:
    """Put a box at the end of a MOV's sample entry; its index must stand last."""
    start = content.rindex(entry) - 4
    end = start + int.from_bytes(content[start : start + 4])
    kinds = (b"stsd", b"stbl", b"minf", b"mdia", b"trak", b"moov")
    grown = bytearray(content[:end] + added + content[end:])
    for at in (start, *(content.rindex(kind, 0, start) - 4 for kind in kinds)):
        size = int.from_bytes(content[at : at + 4]) + len(added)
        grown[at : at + 4] = size.to_bytes(4)
    return bytes(grown)


def clean_aperture(width: int, height: int) -> bytes:
    """Return the box that says that the middle of the picture is shown, of that size."""
    return struct.pack(">I4s8I", 40, b"clap", width, 1, height, 1, 0, 1, 0, 1)


def dolby_vision(profile: int, layer: int) -> bytes:
    """Return the box that says that a picture is Dolby Vision, and what its base layer is."""
    return box(b"dvvC", bytes([1, 0, profile << 1, 6 << 3 | 5, layer << 4]) + bytes(19))
