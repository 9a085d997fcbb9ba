"""The index of an MP4, read as ISO/IEC 14496-12 says: what is shown of each track, and when.

Independent of FFmpeg, whose demuxer mends and drops on its own terms: a result has to be right in
the eyes of both. Only the index is read, and the headers of what lies around it.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import IO

HEADER = 8
LARGE_HEADER = 16
NOTHING_SHOWN = -1


@dataclass(frozen=True, slots=True)
class Edit:
    """A part of a track that is shown (section 8.6.6).

    Attributes:
        duration: in ticks of the movie's timescale.
        media_time: tick of the track's at which the part begins; -1 where nothing is shown.
    """

    duration: int
    media_time: int


@dataclass(frozen=True, slots=True)
class Track:
    """A track as its boxes describe it.

    Attributes:
        handler: four letters that name its kind: `vide`, `soun`, `sbtl`, `text`.
        timescale: ticks a second of its samples.
        movie_timescale: ticks a second of its edits.
        edits: in order; none means that all is shown, from zero on.
        times: composition time of each sample in ticks, in decoding order.
        duration: ticks of all samples together.
    """

    handler: str
    timescale: int
    movie_timescale: int
    edits: tuple[Edit, ...]
    times: Sequence[int]
    duration: int

    def shown(self) -> list[tuple[Fraction, Fraction]]:
        """Return from when to when, in seconds, each edit shows something."""
        scale = self.movie_timescale
        ends = [*accumulate(edit.duration for edit in self._all_edits())]
        return [
            (Fraction(end - edit.duration, scale), Fraction(end, scale))
            for edit, end in zip(self._all_edits(), ends, strict=True)
            if edit.media_time != NOTHING_SHOWN
        ]

    def samples(self) -> list[int]:
        """Return when the samples are shown that begin within an edit, rising.

        Returns:
            Times in units of 1 / (timescale * movie_timescale) seconds.
        """
        start, found = 0, list[int]()
        for edit in self._all_edits():
            length = edit.duration * self.timescale
            if edit.media_time != NOTHING_SHOWN:
                within = ((time - edit.media_time) * self.movie_timescale for time in self.times)
                found += (start + time for time in within if 0 <= time < length)
            start += length
        return sorted(found)

    def _all_edits(self) -> tuple[Edit, ...]:
        whole = -(-self.duration * self.movie_timescale // self.timescale)
        return self.edits or (Edit(whole, 0),)


def read_index(file: IO[bytes]) -> list[Track]:
    """Read the tracks of an MP4, in the order of the file.

    Args:
        file: seekable.

    Raises:
        ValueError: it has no index, or one that cannot be read.
    """
    try:
        movie = _movie(file)
        timescale, _ = _clock(_child(movie, b"mvhd"))
        return [_track(box, timescale) for kind, box in _boxes(movie) if kind == b"trak"]
    except (struct.error, KeyError, IndexError) as error:
        raise ValueError(f"the index cannot be read: {error!r}") from error


def _movie(file: IO[bytes]) -> memoryview:
    position, end = 0, file.seek(0, os.SEEK_END)
    while position + HEADER <= end:
        file.seek(position)
        head = file.read(LARGE_HEADER).ljust(LARGE_HEADER, b"\0")
        small, kind, large = struct.unpack(">I4sQ", head)
        size = {0: end - position, 1: large}.get(small, small)
        if kind == b"moov":
            header = LARGE_HEADER if small == 1 else HEADER
            file.seek(position + header)
            return memoryview(file.read(size - header))
        position += max(size, HEADER)
    raise ValueError("there is no index")


def _boxes(content: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    position = 0
    while position + HEADER <= len(content):
        size, kind = struct.unpack_from(">I4s", content, position)
        yield kind, content[position + HEADER : position + size]
        position += max(size, HEADER)


def _child(content: memoryview, *path: bytes) -> memoryview:
    for name in path:
        content = dict(_boxes(content))[name]
    return content


def _track(box: memoryview, movie_timescale: int) -> Track:
    children = dict(_boxes(box))
    media = children[b"mdia"]
    timescale, _ = _clock(_child(media, b"mdhd"))
    table = dict(_boxes(_child(media, b"minf", b"stbl")))
    starts = [0, *accumulate(_runs(table[b"stts"], ">II"))]
    signed = table.get(b"ctts", b"\0")[0] == 1
    offsets = _runs(table[b"ctts"], ">Ii" if signed else ">II") if b"ctts" in table else ()
    return Track(
        handler=bytes(_child(media, b"hdlr")[8:12]).decode("latin-1"),
        timescale=timescale,
        movie_timescale=movie_timescale,
        edits=_edits(children.get(b"edts")),
        times=_moved(starts[:-1], tuple(offsets)),
        duration=starts[-1],
    )


def _clock(header: memoryview) -> tuple[int, int]:
    """Return timescale and duration of a movie's or a track's header (8.2.2, 8.4.2)."""
    return struct.unpack_from(*((">IQ", header, 20) if header[0] else (">II", header, 12)))


def _edits(box: memoryview | None) -> tuple[Edit, ...]:
    if box is None:
        return ()
    entries = _child(box, b"elst")
    form = struct.Struct(">QqI" if entries[0] else ">IiI")
    (count,) = struct.unpack_from(">I", entries, 4)
    found = (form.unpack_from(entries, HEADER + form.size * number) for number in range(count))
    return tuple(Edit(duration, media_time) for duration, media_time, _ in found)


def _runs(box: memoryview, form: str) -> Iterator[int]:
    """Yield the values of a table of (how many samples, value)."""
    (entries,) = struct.unpack_from(">I", box, 4)
    for count, value in struct.iter_unpack(form, box[HEADER : HEADER + 8 * entries]):
        for _ in range(count):
            yield value


def _moved(starts: Sequence[int], offsets: Sequence[int]) -> Sequence[int]:
    if not offsets:
        return starts
    return [start + offset for start, offset in zip(starts, offsets, strict=True)]
