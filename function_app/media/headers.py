"""What stands in a container's header of its picture and FFmpeg's binding does not tell.

Which part of the coded picture is shown (the clean aperture of MP4 and MOV, the crop of Matroska),
whether it is encrypted, Dolby Vision, stereoscopic or a panorama, and whether another MP4 follows.
FFmpeg knows all that; its Python binding hands on nothing of it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import takewhile
from typing import IO

from av.container import InputContainer
from av.video.stream import VideoStream

from function_app.errors import Code, InputError
from function_app.media.formats import formats_of

_MOST_BOXES = 10_000
_BOX_HEADER = 8
_ENTRY_HEADER = 16
_VISUAL_ENTRY = 86
"""Bytes of a visual sample entry before the boxes in it (ISO/IEC 14496-12, 12.1.3.2)."""
_ENCRYPTED_ENTRIES = {b"encv", b"drmi"}
_STEREOSCOPIC, _PANORAMA = "stereoscopic", "a panorama"
_STEREO_MODE, _PROJECTION, _PROJECTION_TYPE = b"\x53\xb8", b"\x76\x70", b"\x76\x71"
"""Of Matroska's Video (RFC 9559, 5.1.4.1.28)."""
_DOLBY_VISION = {b"dvcC", b"dvvC", b"dvwC"}
_BASE_LAYERS = {1: "HDR10", 2: "SDR", 4: "HLG", 6: "HDR10"}
"""What players show that do not know Dolby Vision, by `dv_bl_signal_compatibility_id` (Dolby Vision
Streams Within the ISO Base Media File Format, 2.1)."""


@dataclass(frozen=True, slots=True)
class Header:
    """Of a track that holds pictures.

    Attributes:
        crop: pixels that are coded but not shown: left, top, right, bottom.
        encrypted: whether its frames are.
        dolby_vision: a Dolby Vision profile and what its base layer is, 0 for one that only
            decoders of Dolby Vision show rightly; None where it is none.
        spatial: what players are to make of the pictures beyond showing them; mostly empty.
    """

    crop: tuple[int, int, int, int] = (0, 0, 0, 0)
    encrypted: bool = False
    dolby_vision: tuple[int, int] | None = None
    spatial: str = ""


def read_headers(file: IO[bytes], formats: Iterable[str]) -> list[Header]:
    """Read what a file says of its video tracks, in their order; nothing for other containers.

    Args:
        file: seekable; its position is kept.
        formats: FFmpeg's names of the container.
    """
    reader = {"mov": _mov, "matroska": _matroska}
    position = file.tell()
    try:
        for name in formats:
            if name in reader:
                return list(reader[name](file))
        return []
    except (struct.error, ZeroDivisionError):
        return []
    finally:
        file.seek(position)


def header_of(file: IO[bytes], container: InputContainer, stream: VideoStream) -> Header:
    """Return what a container's header says of one of its video tracks.

    Args:
        file: that the container is read from.
        container: opened.
        stream: one of its.
    """
    headers = read_headers(file, formats_of(container))
    place = container.streams.video.index(stream)
    return headers[place] if place < len(headers) else Header()


def holds_another(file: IO[bytes], formats: Iterable[str]) -> bool:
    """Whether another MP4 was put behind the first, which FFmpeg and players pass over.

    A file has one `moov` (ISO/IEC 14496-12, 8.2.1). Fragments come after it, and what FFmpeg reads
    of those tells where another recording begins.

    Args:
        file: seekable; its position is kept.
        formats: FFmpeg's names of the container.
    """
    if "mov" not in formats:
        return False
    position = file.tell()
    try:
        boxes = _boxes(file, 0, file.seek(0, 2))
        whole = takewhile(lambda kind: kind != b"moof", (kind for kind, *_ in boxes))
        return sum(kind == b"moov" for kind in whole) > 1
    finally:
        file.seek(position)


def check_readable(header: Header, name: str) -> None:
    """Refuse what is encrypted, and colours that only decoders of Dolby Vision know.

    Raises:
        InputError: it is the one or the other.
    """
    if header.encrypted:
        raise encrypted(name)
    if header.dolby_vision and header.dolby_vision[1] == 0:
        raise InputError(
            f"{name} is in Dolby Vision, profile {header.dolby_vision[0]}, whose colours only "
            "Dolby's decoders know: export it as HDR10, HLG or SDR",
            Code.UNKNOWN_CODEC,
        )


def header_notes(header: Header) -> list[str]:
    """Say what of a header the result does without, a sentence each."""
    notes: list[str] = []
    if header.dolby_vision:
        layer = _BASE_LAYERS.get(header.dolby_vision[1], "the layer that all players show")
        notes.append(f"Dolby Vision: {layer} is painted, and what Dolby adds to it left out")
    if header.spatial:
        notes.append(f"it is {header.spatial}: painted as it lies, and players are not told of it")
    return notes


def encrypted(name: str) -> InputError:
    """Return the error for a video whose frames are encrypted."""
    return InputError(
        f"{name} is encrypted (DRM), and only who sold it can decrypt it: use a copy without "
        "protection",
        Code.ENCRYPTED_VIDEO,
    )


type _Part = tuple[bytes, int, int]
"""A box or element: its kind, and where its content begins and ends."""


def _boxes(file: IO[bytes], start: int, end: int) -> Iterator[_Part]:
    for _ in range(_MOST_BOXES):
        if start + _BOX_HEADER > end:
            return
        file.seek(start)
        head = file.read(_ENTRY_HEADER)
        if len(head) < _BOX_HEADER:
            return
        size, kind = struct.unpack_from(">I4s", head)
        skip = _BOX_HEADER
        if size == 1:
            if len(head) < _ENTRY_HEADER:
                return
            (size,) = struct.unpack_from(">Q", head, _BOX_HEADER)
            skip = _ENTRY_HEADER
        size = size or end - start
        if size < skip:
            return
        yield kind, start + skip, min(end, start + size)
        start += size


def _within(file: IO[bytes], part: _Part, *path: bytes) -> Iterator[_Part]:
    """Yield the boxes at a path below one."""
    if not path:
        yield part
        return
    for inner in _boxes(file, *part[1:]):
        if inner[0] == path[0]:
            yield from _within(file, inner, *path[1:])


def _mov(file: IO[bytes]) -> Iterator[Header]:
    whole = (b"", 0, file.seek(0, 2))
    for track in _within(file, whole, b"moov", b"trak"):
        handlers = [_content(file, each, 12) for each in _within(file, track, b"mdia", b"hdlr")]
        if not handlers or handlers[0][8:12] != b"vide":
            continue
        tables = list(_within(file, track, b"mdia", b"minf", b"stbl", b"stsd"))
        yield _mov_track(file, tables)


def _mov_track(file: IO[bytes], tables: Iterable[_Part]) -> Header:
    header = Header()
    for _, start, end in tables:
        for kind, entry, entry_end in _boxes(file, start + _BOX_HEADER, end):
            inner = _boxes(file, entry + _VISUAL_ENTRY - _BOX_HEADER, entry_end)
            found = {each[0]: each for each in inner}
            crop = header.crop
            if b"clap" in found:
                fields = _content(file, (kind, entry, entry_end), 28)
                crop = _clean_aperture(fields, _content(file, found[b"clap"], 32)) or crop
            locked = kind in _ENCRYPTED_ENTRIES or b"sinf" in found
            dolby = header.dolby_vision
            for name in _DOLBY_VISION & found.keys():
                dolby = _dolby_vision(_content(file, found[name], 5))
            spatial = header.spatial or _mov_spatial(file, found)
            header = Header(crop, header.encrypted or locked, dolby, spatial)
    return header


def _mov_spatial(file: IO[bytes], found: Mapping[bytes, _Part]) -> str:
    """Read the boxes of Google's Spherical Video V2: `sv3d`, and `st3d`, of which 0 is flat."""
    if b"sv3d" in found:
        return _PANORAMA
    mode = _content(file, found[b"st3d"], 5)[4:] if b"st3d" in found else b""
    return _STEREOSCOPIC if any(mode) else ""


def _dolby_vision(record: bytes) -> tuple[int, int] | None:
    """Read the profile and what the base layer is off a DOVIDecoderConfigurationRecord."""
    return (record[2] >> 1, record[4] >> 4) if len(record) >= 5 else None


def _clean_aperture(entry: bytes, clap: bytes) -> tuple[int, int, int, int] | None:
    """Return the crop, as FFmpeg reads it (ISO/IEC 14496-12, 12.1.4); None if it makes no sense."""
    width, height = struct.unpack_from(">HH", entry, 24)
    numbers = struct.unpack(">IIIIiIiI", clap)
    shown_width, shown_height, right, down = (
        Fraction(numbers[place], numbers[place + 1]) for place in (0, 2, 4, 6)
    )
    left = (width - shown_width) / 2 + right
    top = (height - shown_height) / 2 + down
    edges = (left, top, width - shown_width - left, height - shown_height - top)
    crop = (round(edges[0]), round(edges[1]), round(edges[2]), round(edges[3]))
    makes_sense = min(crop) >= 0 and crop[0] + crop[2] < width and crop[1] + crop[3] < height
    return crop if makes_sense else None


def _content(file: IO[bytes], part: _Part, size: int) -> bytes:
    _, start, end = part
    file.seek(start)
    return file.read(min(size, end - start))


_SEGMENT, _TRACKS, _TRACK = b"\x18\x53\x80\x67", b"\x16\x54\xae\x6b", b"\xae"
_TYPE, _VIDEO = b"\x83", b"\xe0"
_CROPS = {b"\x54\xcc": 0, b"\x54\xbb": 1, b"\x54\xdd": 2, b"\x54\xaa": 3}
_ENCODINGS, _ENCODING, _ENCODING_TYPE = b"\x6d\x80", b"\x62\x40", b"\x50\x33"
_MAPPING, _MAPPING_TYPE, _MAPPING_DATA = b"\x41\xe4", b"\x41\xe7", b"\x41\xed"
_CLUSTER = b"\x1f\x43\xb6\x75"


def _elements(file: IO[bytes], start: int, end: int) -> Iterator[_Part]:
    """Yield the elements of a part of a Matroska file (RFC 8794)."""
    for _ in range(_MOST_BOXES):
        if start >= end:
            return
        file.seek(start)
        head = file.read(12)
        if not head or not head[0]:
            return
        id_size = 9 - head[0].bit_length()
        if id_size >= len(head) or not head[id_size]:
            return
        width = 9 - head[id_size].bit_length()
        size = int.from_bytes(head[id_size : id_size + width]) & ((1 << 7 * width) - 1)
        begin = start + id_size + width
        unknown = size == (1 << 7 * width) - 1
        yield head[:id_size], begin, end if unknown else min(end, begin + size)
        start = end if unknown else begin + size


def _matroska(file: IO[bytes]) -> Iterator[Header]:
    for kind, start, end in _elements(file, 0, file.seek(0, 2)):
        if kind != _SEGMENT:
            continue
        for inner, inner_start, inner_end in _elements(file, start, end):
            if inner == _CLUSTER:
                return
            if inner == _TRACKS:
                yield from _matroska_tracks(file, inner_start, inner_end)
                return


def _matroska_tracks(file: IO[bytes], start: int, end: int) -> Iterator[Header]:
    for kind, *edges in _elements(file, start, end):
        fields = {each[0]: each for each in _elements(file, *edges)} if kind == _TRACK else {}
        if _TYPE not in fields or _number(file, fields[_TYPE]) != 1:
            continue
        crop, spatial = [0, 0, 0, 0], ""
        for each in _elements(file, *fields[_VIDEO][1:]) if _VIDEO in fields else ():
            if each[0] in _CROPS:
                crop[_CROPS[each[0]]] = _number(file, each)
            elif each[0] == _PROJECTION and _is_round(file, each):
                spatial = _PANORAMA
            elif each[0] == _STEREO_MODE and _number(file, each):
                spatial = spatial or _STEREOSCOPIC
        edges_of_crop = (crop[0], crop[1], crop[2], crop[3])
        locked, dolby = _is_locked(file, fields), _mapped_dolby(file, edges)
        yield Header(edges_of_crop, locked, dolby, spatial)


def _is_round(file: IO[bytes], projection: _Part) -> bool:
    """Whether a projection is another than the rectangular one, 0."""
    fields = _elements(file, *projection[1:])
    return any(_number(file, each) for each in fields if each[0] == _PROJECTION_TYPE)


def _mapped_dolby(file: IO[bytes], edges: Sequence[int]) -> tuple[int, int] | None:
    """Read what a track says of Dolby Vision (Matroska, "Block Additional Mappings")."""
    for kind, *inner in _elements(file, edges[0], edges[1]):
        fields = {each[0]: each for each in _elements(file, *inner)} if kind == _MAPPING else {}
        if _MAPPING_TYPE not in fields or _MAPPING_DATA not in fields:
            continue
        if _number(file, fields[_MAPPING_TYPE]).to_bytes(8)[4:] in _DOLBY_VISION:
            return _dolby_vision(_content(file, fields[_MAPPING_DATA], 5))
    return None


def _is_locked(file: IO[bytes], fields: dict[bytes, _Part]) -> bool:
    if _ENCODINGS not in fields:
        return False
    return any(
        part[0] == _ENCODING_TYPE and _number(file, part) == 1
        for encoding in _elements(file, *fields[_ENCODINGS][1:])
        if encoding[0] == _ENCODING
        for part in _elements(file, *encoding[1:])
    )


def _number(file: IO[bytes], part: _Part) -> int:
    return int.from_bytes(_content(file, part, 8))
