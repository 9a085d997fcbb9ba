"""The programmes of a transport stream (ISO/IEC 13818-1, 2.4.4): which tracks go together.

A multiplex from the air holds several, each with pictures and sound of its own. FFmpeg knows them;
its Python binding does not hand them on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from av.container import InputContainer
from av.stream import Stream

from function_app.media.formats import formats_of

_LOOKED_AT = 2**21
"""Bytes in which the tables come, which are sent some ten times a second."""
_SYNC = 0x47
_PACKET = 188
# Behind four bytes of time (M2TS), or before sixteen of error correction.
_SPACINGS = (188, 192, 204)
_IN_SYNC = 5
_TABLE_OF_PROGRAMMES = 0
_PROGRAMME_TABLE = 2
_CHECKSUM = 4
_MOST_SECTION = 4096


def foreign(file: IO[bytes], container: InputContainer, painted: Stream) -> set[int]:
    """Return the indices of tracks that belong to other programmes than a track alone.

    Args:
        file: that the container is read from; its position is kept.
        container: opened.
        painted: the track.
    """
    if "mpegts" not in formats_of(container):
        return set()
    position = file.tell()
    file.seek(0)
    programmes = _programmes(file.read(_LOOKED_AT))
    file.seek(position)
    mine = {pid for pids in programmes if painted.id in pids for pid in pids}
    others = {pid for pids in programmes for pid in pids} - mine
    return {stream.index for stream in container.streams if mine and stream.id in others}


def _programmes(content: bytes) -> list[set[int]]:
    """Return of each programme the PIDs of its tracks."""
    tables: set[int] = set()
    programmes: dict[int, set[int]] = {}
    sections: dict[int, bytes] = {}
    for pid, starts, payload in _payloads(content):
        if pid != 0 and pid not in tables:
            continue
        if starts:
            sections[pid] = payload[1 + payload[0] :] if payload else b""
        elif len(sections.get(pid, bytes(_MOST_SECTION))) < _MOST_SECTION:
            sections[pid] += payload
        section = sections.get(pid, b"")
        size = 3 + (int.from_bytes(section[1:3]) & 0xFFF)
        if len(section) < max(size, 12):
            continue
        body = section[: size - _CHECKSUM]
        if pid == 0 and body[0] == _TABLE_OF_PROGRAMMES:
            tables |= {each for number, each in _listed(body[8:]) if number}
        elif body[0] == _PROGRAMME_TABLE:
            programmes[int.from_bytes(body[3:5])] = set(_tracks(body))
    return list(programmes.values())


def _listed(body: bytes) -> Iterator[tuple[int, int]]:
    """Yield number and PID of each programme's table; number 0 is the network's."""
    for at in range(0, len(body) - 3, 4):
        yield int.from_bytes(body[at : at + 2]), int.from_bytes(body[at + 2 : at + 4]) & 0x1FFF


def _tracks(body: bytes) -> Iterator[int]:
    at = 12 + (int.from_bytes(body[10:12]) & 0xFFF)
    while at + 5 <= len(body):
        yield int.from_bytes(body[at + 1 : at + 3]) & 0x1FFF
        at += 5 + (int.from_bytes(body[at + 3 : at + 5]) & 0xFFF)


def _payloads(content: bytes) -> Iterator[tuple[int, bool, bytes]]:
    """Yield of each packet its PID, whether a section starts in it, and what it carries."""
    spacing, start = _spacing(content)
    for at in range(start, len(content) - _PACKET + 1, spacing) if spacing else ():
        packet = content[at : at + _PACKET]
        if packet[0] != _SYNC or not packet[3] & 0x10:
            continue
        skip = 4 + (1 + packet[4] if packet[3] & 0x20 else 0)
        yield int.from_bytes(packet[1:3]) & 0x1FFF, bool(packet[1] & 0x40), packet[skip:]


def _spacing(content: bytes) -> tuple[int, int]:
    """Return how far apart packets are, and where the first is; zeros if nowhere."""
    for start in range(min(len(content), 2 * max(_SPACINGS))):
        for spacing in _SPACINGS:
            ends = start + spacing * _IN_SYNC
            if len(content) >= ends and set(content[start:ends:spacing]) == {_SYNC}:
                return spacing, start
    return 0, 0
