"""Animated WebP, which FFmpeg's binding does not read: its size, and when its frames are shown.

The file is RIFF: chunks of a name, a length and a body padded to an even one (RFC 9649, 2.7).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import IO, ClassVar, Self

from function_app.errors import Code, InputError
from function_app.media.picture import HD_HEIGHT, RGB, USUAL
from function_app.media.probe import STILL, check_pixels, too_long
from function_app.settings import Settings
from gpu_worker.plan import Picture

WEBP_HEAD = 21
"""Bytes of a file by which an animated WebP is known."""
_RIFF_HEADER, _CHUNK_HEADER = 12, 8
_FRAME_HEADER = 16
"""Bytes of a frame's place, size, duration and flags."""
_ANIMATED, _TRANSPARENT = 0x02, 0x10
"""Flags of the file."""
_CLEARED = 0x01
"""Flag of a frame that is cleared before the next one."""
_SHORTEST_MS, _USUAL_MS = 10, 100
"""Durations up to the first mean the second, to FFmpeg as to browsers."""
_LEFT_OUT = {
    b"ICCP": "its colour profile (ICC) is not applied",
    b"EXIF": "its EXIF data are not kept",
    b"XMP ": "its XMP data are not kept",
}


@dataclass(frozen=True, slots=True)
class Animation:
    """What there is to know of an animated WebP, as of the packets of other videos.

    Attributes:
        time_base: seconds per tick of the timestamps.
        stream_index: of its picture, as FFmpeg counts.
        x264_build: of the x264 that it was encoded by: none.
        picture: how its pixels are to be read; FFmpeg composes each frame with alpha.
        pts: when its frames are shown, in ticks, rising.
        last_duration: ticks for which the last one is shown.
        notes: what of it is not kept, a sentence each.
    """

    time_base: ClassVar[Fraction] = Fraction(1, 1000)
    stream_index: ClassVar[int] = 0
    x264_build: ClassVar[int] = -1
    picture: Picture
    pts: list[int]
    last_duration: int
    notes: tuple[str, ...]

    @property
    def entries(self) -> set[int]:
        """Timestamps of the frames at which a decoder can enter: none."""
        return set()

    @property
    def times(self) -> list[int]:
        """When its frames are shown: their timestamps."""
        return self.pts


def is_animated_webp(head: bytes) -> bool:
    """Whether a file that begins like that is one."""
    is_webp = head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X"
    return is_webp and bool(head[20:21]) and bool(head[20] & _ANIMATED)


def read_animation(file: IO[bytes], name: str, most: Settings) -> Animation:
    """Read the headers of an animated WebP.

    Args:
        file: seekable.
        name: of the video, for messages.
        most: limits.

    Raises:
        InputError: it holds no frames, one alone, or more than the limits allow.
    """
    chunks = list(_chunks(file, most.max_frames))
    flags, width, height = _canvas(chunks[0][1] if chunks else b"")
    check_pixels(width, height, name, most)
    frames = [_Frame.of(head) for kind, head in chunks if kind == b"ANMF"]
    if len(frames) > most.max_frames:
        raise too_long(f"{name} has {len(frames)} frames or more", most)
    if not frames:
        raise InputError(
            f"{name} holds no frame that can be decoded: use a copy that plays", Code.DAMAGED_VIDEO
        )
    if len(frames) == 1:
        raise InputError(f"{name} {STILL}", Code.NOT_A_VIDEO)
    notes = [said for kind, said in _LEFT_OUT.items() if kind in dict(chunks)]
    bare = frames[0].size != (width, height) or any(each.cleared for each in frames)
    if flags & _TRANSPARENT or bare:
        notes.append("transparency: painted over white")
    if _is_cut_short(file):
        notes.append("the file is cut short: what is there of it is painted")
    pts = [0, *accumulate(each.duration for each in frames[:-1])]
    return Animation(_picture(width, height), pts, frames[-1].duration, tuple(notes))


@dataclass(frozen=True, slots=True)
class _Frame:
    """What a chunk of a frame says: its size, for how long it is shown in ms, what comes of it."""

    size: tuple[int, int]
    duration: int
    cleared: bool

    @classmethod
    def of(cls, head: bytes) -> Self:
        width, height, said = (
            int.from_bytes(head[place : place + 3], "little") for place in (6, 9, 12)
        )
        duration = said if said > _SHORTEST_MS else _USUAL_MS
        return cls((width + 1, height + 1), duration, bool(head[15] & _CLEARED))


def _chunks(file: IO[bytes], most: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and beginning of each chunk that is there to its end, one frame over `most`."""
    size, start, frames = file.seek(0, os.SEEK_END), _RIFF_HEADER, 0
    while frames <= most:
        file.seek(start)
        head = file.read(_CHUNK_HEADER + _FRAME_HEADER)
        if len(head) < _CHUNK_HEADER:
            return
        kind, length = struct.unpack_from("<4sI", head)
        start += _CHUNK_HEADER + length + length % 2
        if start > size + length % 2 or (kind == b"ANMF" and length < _FRAME_HEADER):
            return
        frames += kind == b"ANMF"
        yield kind, head[_CHUNK_HEADER : _CHUNK_HEADER + length]


def _canvas(header: bytes) -> tuple[int, int, int]:
    """Return flags, width and height, of a VP8X chunk."""
    header = header.ljust(10, b"\0")
    width, height = (int.from_bytes(header[place : place + 3], "little") for place in (4, 7))
    return header[0], width + 1, height + 1


def _is_cut_short(file: IO[bytes]) -> bool:
    file.seek(4)
    said = _CHUNK_HEADER + int.from_bytes(file.read(4), "little")
    return file.seek(0, os.SEEK_END) + 1 < said  # some leave the last padding out


def _picture(width: int, height: int) -> Picture:
    matrix = "bt709" if height >= HD_HEIGHT else "smpte170m"
    primaries, transfer = USUAL.get(matrix, ("bt709", "bt709"))
    return Picture(
        width=width,
        height=height,
        sample_aspect_ratio=(1, 1),
        matrix=matrix,
        primaries=primaries,
        transfer=transfer,
        full_range=False,
        interlaced=False,
        hdr=False,
        source_matrix=RGB,
        source_primaries=primaries,
        source_transfer=transfer,
        transparent=True,
    )
