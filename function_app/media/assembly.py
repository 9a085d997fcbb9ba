"""From packets to one packet a frame, each with the time at which its frame is shown.

Two kinds of stream come otherwise. An H.264 picture may be coded as two fields, each of which some
containers keep in a packet of its own: they become one, but if the second brings parameters, which
FFmpeg would use for both. And AVI and elementary streams know an order of decoding only: frames are
shown in the order that the codec says, at the stream's rate.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from av.bitstream import BitStreamFilterContext
from av.codec import CodecContext
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from function_app.media.bits import Bits, nal_units, unescaped
from function_app.media.formats import formats_of

# Demuxers that know no time of presentation.
UNTIMED = {"avi", "h264", "hevc", "m4v", "mpegvideo", "vc1"}

_HIGH_PROFILES = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}
# Codecs of which a frame may be shown before one that was decoded earlier.
_REORDERED = {"h264", "hevc", "mpeg4", "mpeg1video", "mpeg2video", "vc1", "wmv3", "cavs"}
# Packets after which none is waited for any longer: twice what H.264 and H.265 reorder at most.
_MOST_HELD = 48


def is_second_field(packet: Packet[Any]) -> bool:
    """Whether a packet belongs to the frame of the one before."""
    return packet.opaque is _BESIDE


class Assembler:
    """Makes packets of a stream into one packet a frame.

    Args:
        stream: whose packets are added; used only while its container is open.

    Attributes:
        untimed: whether the stream has no times of presentation. Those of the packets then say
            their order alone: the first is shown at the earliest time of decoding, and so on.
    """

    def __init__(self, stream: VideoStream) -> None:
        """Start with no packet."""
        codec = stream.codec_context.codec.canonical_name
        self.untimed = bool(UNTIMED & formats_of(stream.container))
        self._fields = _Fields(stream.codec_context.extradata or b"") if codec == "h264" else None
        self._field: Packet[Any] | None = None
        self._order = _Order(stream) if self.untimed else None

    def add(self, packet: Packet[Any]) -> Iterator[Packet[Any]]:
        """Yield the packets that are whole with this one."""
        if not packet.size:
            return
        if self._fields is None:
            yield from self._ordered(packet)
            return
        first, self._field = self._field, None
        which = self._fields.kind(packet)
        if first and which == _SECOND:
            if self._fields.renewed and not self._order:
                yield from (first, _beside(first, packet))
                return
            yield from self._ordered(_joined(first, packet))
            return
        if first:
            yield from self._ordered(first)
        if which == _FIRST:
            self._field = packet
        else:
            yield from self._ordered(packet)

    def flush(self) -> Iterator[Packet[Any]]:
        """Yield what was held back."""
        if self._field:
            yield from self._ordered(self._field)
        if self._order:
            yield from self._order.flush()

    def _ordered(self, packet: Packet[Any]) -> Iterator[Packet[Any]]:
        return self._order.add(packet) if self._order else iter((packet,))


class _Order:
    """Finds out the order in which the frames of a stream are shown, by decoding it.

    A packet of which no frame comes is left out.
    """

    def __init__(self, stream: VideoStream) -> None:
        codec = stream.codec_context
        self._step = _nominal_step(stream)
        self._count = 0
        self._shown = 0
        self._known_so_far = 0
        self._waiting: dict[int, Packet[Any]] = {}
        self._places: dict[int, int] = {}
        self._unpack = (
            BitStreamFilterContext("mpeg4_unpack_bframes", stream)
            if codec.codec.canonical_name == "mpeg4"
            else None
        )
        self._decoder = None
        if codec.codec.canonical_name in _REORDERED:
            self._decoder = cast("VideoCodecContext", CodecContext.create(codec.codec.name, "r"))
            self._decoder.extradata = codec.extradata
            self._decoder.codec_tag = codec.codec_tag
            self._decoder.copy_opaque = True

    def add(self, packet: Packet[Any]) -> Iterator[Packet[Any]]:
        for whole in self._unpacked(packet):
            number, self._count = self._count, self._count + 1
            self._waiting[number] = whole
            self._decode(whole, number)
            yield from self._known(self._count - _MOST_HELD)

    def _unpacked(self, packet: Packet[Any]) -> list[Packet[Any]]:
        if self._unpack is None:
            return [packet]
        try:
            return cast("list[Packet[Any]]", self._unpack.filter(packet))
        except FFmpegError:
            return [packet]

    def flush(self) -> Iterator[Packet[Any]]:
        self._decode(None, self._count)
        yield from self._known(self._count)

    def _decode(self, packet: Packet[Any] | None, number: int) -> None:
        if self._decoder is None:
            if packet:
                self._places[number] = number
            return
        again = None
        if packet:
            again = Packet(bytes(packet))
            again.opaque = number
            again.dts = packet.dts
        try:
            frames = self._decoder.decode(again)
        except FFmpegError:
            return
        for frame in frames:
            self._places[cast("int", frame.opaque)] = self._shown
            self._shown += 1

    def _known(self, overdue: int) -> Iterator[Packet[Any]]:
        """Yield the packets, in the order of decoding, whose places are known."""
        for number in list(self._waiting):
            if number not in self._places and number >= overdue:
                return
            packet = self._waiting.pop(number)
            place = self._places.pop(number, None)
            if place is not None:
                if packet.dts is None:
                    packet.dts = self._known_so_far * self._step
                self._known_so_far += 1
                packet.pts = (place + _MOST_HELD) * self._step
                yield packet


def _nominal_step(stream: VideoStream) -> int:
    rate = stream.average_rate or stream.guessed_rate or 25
    return max(1, round(1 / rate / stream.time_base)) if stream.time_base else 1


def _joined(first: Packet[Any], second: Packet[Any]) -> Packet[Any]:
    """Return both fields in one packet, with the times of the first."""
    whole = Packet(bytes(first) + bytes(second))
    whole.stream = first.stream
    whole.time_base = first.time_base
    whole.pts, whole.dts = first.pts, first.dts
    whole.duration = (first.duration or 0) + (second.duration or 0)
    whole.is_keyframe = first.is_keyframe
    return whole


def _beside(first: Packet[Any], second: Packet[Any]) -> Packet[Any]:
    """Return the second field with the times of the first."""
    second.pts, second.dts = first.pts, first.dts
    second.opaque = _BESIDE
    return second


_FRAME, _FIRST, _SECOND = range(3)
_BESIDE = "second field"
_PARAMETERS = {7, 8}


class _Fields:
    """Tells whether a packet of H.264 is a frame, or which field of one (ITU-T H.264, 7.3).

    Attributes:
        renewed: whether the last packet holds parameter sets before its picture.
    """

    def __init__(self, extradata: bytes) -> None:
        self._length_size = (extradata[4] & 3) + 1 if extradata[:1] == b"\1" else 0
        self._frame_number_bits = 0
        self.renewed = False
        self._may_have_fields = False
        self._planes = False
        self._pending: tuple[int, int] | None = None
        units = [extradata[8:]] if self._length_size else list(nal_units(extradata, 0))
        for unit in units:
            self._take(unit)

    def kind(self, packet: Packet[Any]) -> int:
        content = bytes(packet)
        self.renewed = False
        size = 0 if content[:4] == b"\0\0\0\1" else self._length_size
        for unit in nal_units(content, size):
            if unit and unit[0] & 31 in {1, 5}:
                return self._of_slice(unit) if self._may_have_fields else _FRAME
            if unit:
                self.renewed |= unit[0] & 31 in _PARAMETERS
                self._take(unit)
        return _FRAME

    def _take(self, unit: bytes) -> None:
        if unit[:1] and unit[0] & 31 == 7:
            self._read_parameters(Bits(unescaped(unit[1:200])))

    def _read_parameters(self, bits: Bits) -> None:
        profile = bits.read(8)
        bits.read(16)
        bits.ue()
        self._planes = False
        if profile in _HIGH_PROFILES:
            self._read_high(bits)
        self._frame_number_bits = bits.ue() + 4
        order = bits.ue()
        if order == 0:
            bits.ue()
        elif order == 1:
            bits.read(1)
            bits.se()
            bits.se()
            for _ in range(min(bits.ue(), 255)):
                bits.se()
        bits.ue()
        bits.read(1)
        bits.ue()
        bits.ue()
        self._may_have_fields = not bits.read(1)

    def _read_high(self, bits: Bits) -> None:
        chroma = bits.ue()
        if chroma == 3:
            self._planes = bool(bits.read(1))
        bits.ue()
        bits.ue()
        bits.read(1)
        if not bits.read(1):
            return
        for number in range(12 if chroma == 3 else 8):
            if bits.read(1):
                _skip_scaling_list(bits, 16 if number < 6 else 64)

    def _of_slice(self, unit: bytes) -> int:
        bits = Bits(unescaped(unit[1:40]))
        for _ in range(3):
            bits.ue()
        if self._planes:
            bits.read(2)
        frame = bits.read(self._frame_number_bits)
        if not bits.read(1):
            self._pending = None
            return _FRAME
        parity = bits.read(1)
        if self._pending == (frame, 1 - parity):
            self._pending = None
            return _SECOND
        self._pending = (frame, parity)
        return _FIRST


def _skip_scaling_list(bits: Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last
