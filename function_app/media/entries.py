"""Where a decoder can enter a stream: from there on, it gives what decoding from the start gives.

That a container calls a packet a keyframe is not enough. A picture may refresh the screen bit by
bit; parameters that came earlier may be needed; an encoder's version, by which FFmpeg knows how to
read its faults, stands in the first frame alone. Each codec says in its own way at which packets
nothing of before is needed for what is shown from then on. A codec that is not known here, or does
not say, is decoded from the start.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from av.packet import Packet

from function_app.media.bits import Bits, nal_units, unescaped

# Every packet stands alone.
INTRA = {
    "aic", "cfhd", "dnxhd", "dvvideo", "hap", "jpeg2000", "mjpeg", "mjpegb", "prores", "prores_raw",
    "rawvideo", "v210", "v308", "v408", "v410", "yuv4", "r210",
}  # fmt: skip
# A keyframe sets back all that a decoder keeps: tried with FFmpeg's encoders and decoders, each
# frame from each keyframe on against decoding from the start.
RESET = {"theora", "ffv1", "h263", "flv1", "msmpeg4v2", "msmpeg4v3", "wmv1", "wmv2"}

_X264 = re.compile(rb"x264 - core (\d+)")
_NO_BUILD = -1


class Entries(ABC):
    """Watches a stream's packets in the order of decoding.

    Attributes:
        x264_build: of the x264 that its first packet says it was encoded by; -1 if none.
    """

    x264_build = _NO_BUILD

    @abstractmethod
    def at(self, packet: Packet[Any]) -> bool:
        """Whether decoding can begin at this packet, the next in order."""


def entries_of(codec: str, extradata: bytes | None) -> Entries:
    """Return what watches a stream of a codec.

    Args:
        codec: FFmpeg's name.
        extradata: of the stream, as its container has it.
    """
    watcher = _WATCHERS.get(codec)
    if watcher:
        return watcher(extradata or b"")
    return _Keyframes(trusted=codec in INTRA | RESET)


class _Keyframes(Entries):
    """Believes the container, or nobody."""

    def __init__(self, *, trusted: bool) -> None:
        self._trusted = trusted

    def at(self, packet: Packet[Any]) -> bool:
        return self._trusted and packet.is_keyframe


class _Heads(Entries):
    """Looks at the first bytes of a keyframe."""

    def __init__(self, is_entry: Callable[[bytes], bool]) -> None:
        self._is_entry = is_entry

    def at(self, packet: Packet[Any]) -> bool:
        return packet.is_keyframe and self._is_entry(bytes(packet))


class Parameters:
    """Whether the parameters that decoding needs are at hand where it begins.

    Args:
        known: parameter sets that every decoder of the stream has from its container.
    """

    def __init__(self, known: Iterable[bytes]) -> None:
        """Start with what the container knows."""
        self._known = set(known)
        self._changed = False
        self._most = 0

    def at_hand(self, sets: Sequence[bytes], *, first: bool) -> bool:
        """Take note of the sets in a packet; return whether they, and those known, are enough.

        Args:
            sets: in the packet.
            first: whether it is the stream's first packet.
        """
        if first:
            self._known.update(sets)
        self._most = max(self._most, len(sets))
        self._changed = self._changed or not self._known.issuperset(sets)
        return not self._changed or (bool(sets) and len(sets) == self._most)


class _NalUnits(Entries):
    """H.264 and H.265, of which each tells apart its own NAL units."""

    sets: frozenset[int]

    def __init__(self, extradata: bytes) -> None:
        self._length_size, known = self._configuration(extradata)
        self._parameters = Parameters(known)
        self._extradata_knows = bool(known)
        self._first = True

    @abstractmethod
    def _kind(self, unit: bytes) -> int:
        """Return the type of a NAL unit."""

    @abstractmethod
    def _configuration(self, extradata: bytes) -> tuple[int, list[bytes]]:
        """Return the size of NAL units' lengths, and the parameter sets."""

    def _annex_b(self, extradata: bytes) -> tuple[int, list[bytes]]:
        units = nal_units(extradata, 0)
        return 0, [unit.rstrip(b"\0") for unit in units if self._kind(unit) in self.sets]

    def at(self, packet: Packet[Any]) -> bool:
        content = bytes(packet)
        size = 0 if content[:4] in {b"\0\0\0\1", b"\0\0\1\x09"} else self._length_size
        units = [unit for unit in nal_units(content, size) if unit]
        sets = [unit.rstrip(b"\0") for unit in units if self._kind(unit) in self.sets]
        first, self._first = self._first, False
        # Who opens the file looks at its first packet too, where the container knows nothing.
        enough = self._parameters.at_hand(sets, first=first and not self._extradata_knows)
        if packet.has_sidedata("new_extradata") and not first:
            enough = False
        return self._enters(packet, units, first=first) and enough

    @abstractmethod
    def _enters(self, packet: Packet[Any], units: Sequence[bytes], *, first: bool) -> bool:
        """Whether the picture of a packet leaves behind all before it."""


class _H264(_NalUnits):
    """ITU-T H.264: an IDR picture, or a recovery point at which all is right at once."""

    sets = frozenset({7, 8, 13, 15})

    def __init__(self, extradata: bytes) -> None:
        super().__init__(extradata)
        self._build = _NO_BUILD

    def _kind(self, unit: bytes) -> int:
        return unit[0] & 0x1F

    def _configuration(self, extradata: bytes) -> tuple[int, list[bytes]]:
        if extradata[:1] != b"\1" or len(extradata) < 7:
            return self._annex_b(extradata)
        found: list[bytes] = []
        at = 5
        for mask in (0x1F, 0xFF):  # ISO/IEC 14496-15, 5.3.3.1
            for _ in range(extradata[at] & mask if at < len(extradata) else 0):
                size = int.from_bytes(extradata[at + 1 : at + 3])
                found.append(extradata[at + 3 : at + 3 + size].rstrip(b"\0"))
                at += 2 + size
            at += 1
        return (extradata[4] & 3) + 1, found

    def _enters(self, packet: Packet[Any], units: Sequence[bytes], *, first: bool) -> bool:
        messages = [unit for unit in units if self._kind(unit) == 6]
        for message in messages:
            if build := _X264.search(message):
                self._build = int(build[1])
        if first:
            self.x264_build = self._build
        if self._build != self.x264_build:
            return False
        if any(self._kind(unit) == 5 for unit in units):
            return True
        return packet.is_keyframe and any(map(_recovers_at_once, messages))


def _recovers_at_once(message: bytes) -> bool:
    """Whether an SEI holds a recovery point with no frame until all is right (H.264, D.2.8)."""
    content = unescaped(message)[1:]
    while len(content) > 2:
        kind, content = _sei_number(content)
        size, content = _sei_number(content)
        if kind == 6:
            return Bits(content[:size]).ue() == 0
        content = content[size:]
    return False


def _sei_number(content: bytes) -> tuple[int, bytes]:
    more = len(content) - len(content.lstrip(b"\xff"))
    return 255 * more + int.from_bytes(content[more : more + 1]), content[more + 1 :]


class _Hevc(_NalUnits):
    """ITU-T H.265: a random access point (IDR, CRA, BLA)."""

    sets = frozenset({32, 33, 34})

    def _kind(self, unit: bytes) -> int:
        return unit[0] >> 1 & 0x3F

    def _configuration(self, extradata: bytes) -> tuple[int, list[bytes]]:
        if extradata[:1] != b"\1" or len(extradata) < 23:
            return self._annex_b(extradata)
        found: list[bytes] = []
        at = 23
        for _ in range(extradata[22]):  # ISO/IEC 14496-15, 8.3.3.1
            kind, count = extradata[at] & 0x3F, int.from_bytes(extradata[at + 1 : at + 3])
            at += 3
            for _ in range(count):
                size = int.from_bytes(extradata[at : at + 2])
                if kind in self.sets:
                    found.append(extradata[at + 2 : at + 2 + size].rstrip(b"\0"))
                at += 2 + size
            if at + 3 > len(extradata):
                break
        return (extradata[21] & 3) + 1, found

    def _enters(self, packet: Packet[Any], units: Sequence[bytes], *, first: bool) -> bool:
        del packet, first
        return any(16 <= self._kind(unit) <= 21 for unit in units)


class _Mpeg4(Entries):
    """ISO/IEC 14496-2: an I-VOP; its headers, and who encoded it, may stand in the first alone."""

    def __init__(self, extradata: bytes) -> None:
        headers = _mpeg4_headers(extradata)
        self._parameters = Parameters([headers] if headers else [])
        self._extradata_knows = bool(headers)
        self._first = True

    def at(self, packet: Packet[Any]) -> bool:
        content = bytes(packet)
        head, vop, picture = content.partition(b"\0\0\1\xb6")
        headers = _mpeg4_headers(head)
        first, self._first = self._first, False
        enough = self._parameters.at_hand(
            [headers] if headers else [], first=first and not self._extradata_knows
        )
        return enough and bool(vop) and picture[:1] < b"\x40"


def _mpeg4_headers(content: bytes) -> bytes:
    """Return all but the time codes (group of VOPs), of which each is another."""
    units = content.split(b"\0\0\1")[1:]
    return b"\0\0\1".join(unit.rstrip(b"\0") for unit in units if unit[:1] != b"\xb3")


def _is_vp8_key(content: bytes) -> bool:
    """RFC 6386, 9.1."""
    return not content[0] & 1


def _is_vp9_key(content: bytes) -> bool:
    """VP9 bitstream specification, 6.2: a key frame that is shown or not, none shown again."""
    bits = Bits(content[:4])
    bits.read(2)
    profile = bits.read(1) + 2 * bits.read(1)
    if profile == 3:
        bits.read(1)
    return not bits.read(1) and not bits.read(1)


def _is_av1_key(content: bytes) -> bool:
    """AV1 specification, 5.5 and 5.9: a sequence header, and a key frame that is shown."""
    sequence = False
    while content:
        kind, extended, sized = content[0] >> 3 & 15, content[0] >> 2 & 1, content[0] >> 1 & 1
        content = content[1 + extended :]
        size = len(content)
        if sized:
            size, content = _leb128(content)
        if kind == 1:
            sequence = True
        if kind in {3, 6}:
            # show_existing_frame 0, frame_type KEY_FRAME 00, show_frame 1
            return sequence and bool(content) and content[0] >> 4 == 1
        content = content[size:]
    return False


def _leb128(content: bytes) -> tuple[int, bytes]:
    value = 0
    for place, byte in enumerate(content[:8]):
        value |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            return value, content[place + 1 :]
    return value, b""


def _is_mpeg2_entry(content: bytes) -> bool:
    """ITU-T H.262, 6.2: an I-picture behind a sequence header, which sets back the matrices."""
    head, picture, body = content.partition(b"\0\0\1\0")
    return b"\0\0\1\xb3" in head and bool(picture) and int.from_bytes(body[:2]) >> 3 & 7 == 1


_WATCHERS: dict[str, Callable[[bytes], Entries]] = {
    "h264": _H264,
    "hevc": _Hevc,
    "mpeg4": _Mpeg4,
    "vp8": lambda _: _Heads(_is_vp8_key),
    "vp9": lambda _: _Heads(_is_vp9_key),
    "av1": lambda _: _Heads(_is_av1_key),
    "mpeg1video": lambda _: _Heads(_is_mpeg2_entry),
    "mpeg2video": lambda _: _Heads(_is_mpeg2_entry),
}
