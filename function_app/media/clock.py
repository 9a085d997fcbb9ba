"""The clock of a file: where its zero is, and what becomes of its jumps.

The picture and what goes with it keep their distance to the tick. A stream that was cut out of a
broadcast starts at any time; a file that was put together of several jumps from one time to
another. Both are set right as ffmpeg's own remux does: the earliest of picture and sound becomes
zero, and one part follows the other. What comes first of a sound, far from all that is read around
it, belongs to no part: it is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import Any

from av.container import InputContainer
from av.packet import Packet

from function_app.media.assembly import UNTIMED
from function_app.media.formats import formats_of

# Types of the streams that people see and hear, and that the clock goes by.
SHOWN = {"video", "audio"}
# Formats whose zero is meant: what starts late is to be shown late.
ZEROED = {"mov", "matroska"}
# Of these one that takes a broadcast's clock as it is.
TAKING = {"matroska"}
# Formats of one clock that may jump: those of AVFMT_TS_DISCONT.
JUMPING = {"mpegts", "mpeg"}
# What ffmpeg takes for a jump: -dts_delta_threshold, and a tenth of a second back.
FORWARD = Fraction(10)
BACK = Fraction(1, 10)

_VIDEO_PACKETS = 32
_PACKETS = 4000
_BYTES = 2**24


@dataclass(slots=True)
class _Track:
    """Where a stream is.

    Attributes:
        part: of the file, between two jumps.
        end: of its last packet in the order of decoding, as the file's clock has it.
        shown: when the last frame or sound of all ends, in the result.
    """

    part: int = 0
    end: Fraction | None = None
    shown: Fraction = Fraction(0)


class Clock:
    """Sets the times of a container's packets right.

    Args:
        container: whose packets they are.
        video: index of the stream to paint.

    Attributes:
        origin: time of the file's that becomes zero, in seconds.
        jumps: times in the result, in seconds, at which a part of the file follows another.
    """

    def __init__(self, container: InputContainer, video: int) -> None:
        """Begin before the first packet."""
        formats = formats_of(container)
        self.origin = Fraction(0)
        self.jumps: list[Fraction] = []
        self._zeroed = bool(formats & ZEROED)
        self._untimed = bool(formats & UNTIMED)
        self._taking = bool(formats & TAKING)
        self._jumping = bool(formats & JUMPING)
        self._video = video
        self._tracks: dict[int, _Track] = {}
        self._offsets = [Fraction(0)]
        self._now = Fraction(0)

    def timed(self, packets: Iterable[Packet[Any]]) -> Iterator[Packet[Any]]:
        """Yield the packets with the times that they are to have."""
        packets = iter(packets)
        head = list(self._head(packets))
        self.origin = self._first(head)
        self._offsets = [-self.origin]
        self._now = self.origin
        for packet in chain(head, packets):
            if self._jumping and self._is_stray(packet):
                continue
            self._set(packet)
            yield packet

    def _head(self, packets: Iterator[Packet[Any]]) -> Iterator[Packet[Any]]:
        """Yield enough packets to know the earliest."""
        pictures = size = 0
        for count, packet in enumerate(packets):
            yield packet
            pictures += packet.stream.index == self._video
            size += packet.size
            if pictures >= _VIDEO_PACKETS or count >= _PACKETS or size >= _BYTES:
                return

    def _first(self, head: Sequence[Packet[Any]]) -> Fraction:
        if self._untimed:
            return Fraction(0)
        earliest = self._earliest(each for each in head if each.stream.type in SHOWN)
        if not self._zeroed or (self._taking and earliest > FORWARD):
            return earliest
        picture = self._earliest(each for each in head if each.stream.index == self._video)
        return min(Fraction(0), picture)

    def _earliest(self, packets: Iterable[Packet[Any]]) -> Fraction:
        first: Fraction | None = None
        for packet in packets:
            if packet.pts is None or packet.is_discard:
                continue
            time = packet.pts * packet.time_base
            if first is None or time < first:
                first = time
            elif self._jumping and time > first + FORWARD:
                break
        return first or Fraction(0)

    def _set(self, packet: Packet[Any]) -> None:
        offset = self._offset(packet) if self._jumping else self._offsets[0]
        if not offset:
            return
        ticks = round(offset / packet.time_base)
        if packet.pts is not None:
            packet.pts += ticks
        if packet.dts is not None:
            packet.dts += ticks

    def _is_stray(self, packet: Packet[Any]) -> bool:
        """Whether a sound begins far from the file's clock, as it is around its first packet."""
        ticks = packet.pts if packet.dts is None else packet.dts
        begins = packet.stream.index not in self._tracks and packet.stream.type == "audio"
        if ticks is None or not begins:
            return False
        return abs(ticks * packet.time_base - self._now) > FORWARD

    def _offset(self, packet: Packet[Any]) -> Fraction:
        if packet.stream.type not in SHOWN:
            return self._offsets[-1]
        track = self._tracks.setdefault(packet.stream.index, _Track())
        ticks = packet.pts if packet.dts is None else packet.dts
        if ticks is None:
            return self._offsets[track.part]
        time = ticks * packet.time_base
        shown = ticks if packet.pts is None else packet.pts
        duration = (packet.duration or 0) * packet.time_base
        if track.end is not None and self._has_jumped(track, track.end, time):
            self._jump(track, shown * packet.time_base)
        track.end = self._now = time + duration
        offset = self._offsets[track.part]
        track.shown = max(track.shown, shown * packet.time_base + duration + offset)
        return offset

    def _has_jumped(self, track: _Track, end: Fraction, time: Fraction) -> bool:
        """Whether a track comes to another part of the file, after one that ended.

        A picture may stand still, or a sound pause, while the clock of the others goes on.
        """
        if -BACK <= time - end <= FORWARD:
            return False
        if time < end or track.part < len(self._offsets) - 1:
            return True
        ends = (each.end for each in self._tracks.values() if each.part == track.part)
        return time - max(other for other in ends if other is not None) > FORWARD

    def _jump(self, track: _Track, time: Fraction) -> None:
        """Follow the others into a part of the file that they have reached, or begin a new one."""
        for part in range(track.part + 1, len(self._offsets)):
            early = track.shown - time - self._offsets[part]
            if -FORWARD <= early <= FORWARD:
                track.part = part
                # Lest anything be shown before what was there already.
                self._offsets[part] += max(Fraction(0), early)
                return
        end = max(track.shown for track in self._tracks.values())
        self._offsets.append(end - time)
        self.jumps.append(end)
        track.part = len(self._offsets) - 1
