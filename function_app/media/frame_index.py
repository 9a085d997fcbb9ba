"""The frames of a video, by the timestamps of its packets."""

from __future__ import annotations

from typing import Any

from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from function_app.errors import Code, InputError
from function_app.media.assembly import is_second_field
from function_app.media.bits import Bits
from function_app.media.entries import entries_of
from function_app.media.formats import formats_of
from function_app.media.headers import encrypted
from function_app.media.probe import STILL, too_long
from function_app.settings import Settings

_PACKETS_TO_FIRST_FRAME = 500
_FRAMES_TO_LOOK_AT = 3
_ANIMATIONS = {"gif", "apng"}


class FrameIndex:
    """Collects the timestamps of a stream's frames from its packets, and its first frames.

    Args:
        stream: whose packets are added, one a frame; used only while its container is open.
        name: of the video, for messages.
        limits: of the settings.
        untimed: the timestamps tell the order of the frames alone, and their times are those of
            decoding.

    Attributes:
        time_base: seconds per tick of the timestamps.
        stream_index: of the stream in its container.
        interlaced: whether one of the first frames is.
    """

    def __init__(
        self, stream: VideoStream, name: str, limits: Settings, *, untimed: bool = False
    ) -> None:
        """Start empty."""
        if stream.time_base is None:
            raise InputError(
                f"{name} has no time base: convert it to MP4",
                Code.BAD_TIMESTAMPS,
            )
        self.name = name
        self.time_base = stream.time_base
        self.stream_index = stream.index
        self.interlaced = False
        self._stream = stream
        self._codec = stream.codec_context.codec.canonical_name
        self._limits = limits
        self._untimed = untimed
        self._frames: dict[int, tuple[int, int]] = {}
        self._decoding: list[int] = []
        self._watcher = entries_of(self._codec, stream.codec_context.extradata)
        self._entries: set[int] = set()
        self._packets = 0
        self._hidden = 0
        self._untimely = 0
        self._looked_at = 0
        self._first: VideoFrame | None = None
        self._first_pts: int | None = None
        self._nominal_step = max(1, round(1 / (stream.average_rate or 25) / stream.time_base))
        # What MP4's index holds, cut to what its edit list shows. Other containers promise frames
        # that were never written: AVI counts the dropped ones.
        mov = "mov" in formats_of(stream.container)
        self._promised = len(stream.index_entries) if mov else 0
        self._in_fragments = stream.frames == 0

    def add(self, packet: Packet[Any]) -> None:
        """Take note of one packet of the stream.

        Raises:
            InputError: a frame has no timestamp, or there are too many.
        """
        if not packet.size:
            return
        self._packets += 1
        if packet.has_sidedata("encryption_info"):
            raise encrypted(self.name)
        is_entry = self._watcher.at(packet)
        pts, dts, duration = packet.pts, packet.dts, packet.duration or 0
        hidden = _is_hidden(packet, self._codec)
        if not hidden and pts is None:
            # What leads up to the first frame may lie before a container's zero, and so be without
            # a time. It does no harm where it does not decode.
            if self._looked_at >= _FRAMES_TO_LOOK_AT:
                raise self._without_timestamps()
            self._untimely += 1
        self._look_at(packet)
        if hidden or pts is None:
            self._hidden += 1
            return
        self._frames.setdefault(pts, (self._packets, duration))
        self._decoding.append(pts if dts is None else dts)
        if is_entry:
            self._entries.add(pts)
        if len(self._frames) > self._limits.max_frames:
            raise too_long(f"{self.name} has {len(self._frames)} frames or more", self._limits)

    @property
    def pts(self) -> list[int]:
        """Timestamps in ticks, rising, of the frames from the first that decodes."""
        first = self._first_pts
        return [tick for tick in sorted(self._frames) if first is None or tick >= first]

    @property
    def times(self) -> list[int]:
        """When the frames are shown, in ticks, rising: their timestamps, where they are timed."""
        if not self._untimed or len(set(self._decoding)) < len(self._frames):
            return self.pts
        return sorted(set(self._decoding))[len(self._frames) - len(self.pts) :]

    @property
    def entries(self) -> set[int]:
        """Timestamps of the frames at which a decoder can enter.

        A frame that is shown later, but decoded before, would be missed.
        """
        entries: set[int] = set()
        earliest = self._packets + 1
        for tick in reversed(self.pts):
            earliest = min(earliest, self._frames[tick][0])
            if tick in self._entries and self._frames[tick][0] == earliest:
                entries.add(tick)
        return entries

    @property
    def x264_build(self) -> int:
        """Of the x264 that the first packet says it was encoded by; -1 if none."""
        return self._watcher.x264_build

    @property
    def last_duration(self) -> int:
        """Ticks for which the last frame is shown: as stated, else the average step."""
        pts = self.times
        average = (pts[-1] - pts[0]) // (len(pts) - 1) if len(pts) > 1 else self._nominal_step
        return self._frames[self.pts[-1]][1] or max(1, average)

    @property
    def _missing(self) -> int:
        """How many frames of the index are not there; some writers count one more than there is."""
        missing = self._promised - self._packets
        return missing if missing > 1 else 0

    @property
    def cut_off(self) -> int:
        """How many frames of the last fragment are not there, of a file that is written in such.

        Who recorded it wrote no more: all that is there is whole.
        """
        return self._missing if self._in_fragments else 0

    @property
    def same_timestamp(self) -> int:
        """How many frames share their timestamp with another, which is the one that is kept."""
        return self._packets - self._hidden - len(self._frames)

    @property
    def undecodable(self) -> int:
        """How many frames come before the first that decodes, for want of what they refer to."""
        return self._untimely + len(self._frames) - len(self.pts)

    def first_frame(self) -> VideoFrame:
        """Return the first decoded frame.

        Raises:
            InputError: the stream ended without one, or before the frames that its index names.
        """
        if not self._packets:
            raise InputError(
                f"{self.name} holds no frames: it is the beginning of a video in segments, or was "
                "cut off before its first; join the segments and upload that",
                Code.DAMAGED_VIDEO,
            )
        if not self._frames or self._first is None:
            raise InputError(
                f"{self.name} holds no frame that can be decoded: use a copy that plays",
                Code.DAMAGED_VIDEO,
            )
        if self._codec in _ANIMATIONS and len(self._frames) == 1:
            raise InputError(f"{self.name} {STILL}", Code.NOT_A_VIDEO)
        if self._missing and not self._in_fragments:
            raise InputError(
                f"{self.name} is cut short: {self._packets} of its {self._promised} frames are "
                "there: upload the whole file",
                Code.DAMAGED_VIDEO,
            )
        return self._first

    def _look_at(self, packet: Packet[Any] | None) -> None:
        """Decode until there are a few frames; which decodes first tells which do not."""
        if self._looked_at >= _FRAMES_TO_LOOK_AT:
            return
        if self._first is None and self._packets > _PACKETS_TO_FIRST_FRAME:
            return
        try:
            frames = self._stream.decode(packet)
        except FFmpegError:
            return
        for frame in frames:
            if frame.pts is None and self._untimely:
                raise self._without_timestamps()
            self._looked_at += 1
            self.interlaced |= bool(frame.interlaced_frame)
            if frame.pts is not None and (self._first_pts is None or frame.pts < self._first_pts):
                self._first_pts = frame.pts
            self._first = self._first or frame

    def _without_timestamps(self) -> InputError:
        return InputError(
            f"{self.name} has frames without timestamps: convert it to MP4",
            Code.BAD_TIMESTAMPS,
        )

    def flush(self) -> None:
        """Take the frames that the decoder held back, where the stream is that short."""
        self._look_at(None)


def _is_hidden(packet: Packet[Any], codec: str) -> bool:
    """Whether a packet is a frame for reference only, or none of its own.

    Sources: `show_frame` in RFC 6386, section 9.1, for VP8, and in the VP9 bitstream
    specification, section 6.2; a VP9 superframe, which ends with an index (annex B), shows one.
    """
    if packet.is_discard or is_second_field(packet):
        return True
    if codec == "vp8":
        return not memoryview(packet)[0] & 0x10
    if codec != "vp9" or memoryview(packet)[-1] >> 5 == 0b110:
        return False
    bits = Bits(bytes(memoryview(packet)[:2]))
    bits.read(2)
    if bits.read(1) + 2 * bits.read(1) == 3:
        bits.read(1)
    shown_again = bits.read(1)
    bits.read(1)
    return not shown_again and not bits.read(1)
