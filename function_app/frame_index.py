"""The frames of a video, by the timestamps of its packets."""

from __future__ import annotations

from typing import Any

from av.error import InvalidDataError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from function_app.errors import Code, InputError
from function_app.probe import too_long
from function_app.settings import Settings

_PACKETS_TO_FIRST_FRAME = 500


class FrameIndex:
    """Collects the timestamps of a stream's frames from its packets, and one decoded frame.

    Args:
        stream: whose packets are added; used only while its container is open.
        name: of the video, for messages.
        limits: of the settings.

    Attributes:
        time_base: seconds per tick of the timestamps.
        stream_index: of the stream in its container.
    """

    def __init__(self, stream: VideoStream, name: str, limits: Settings) -> None:
        """Start empty."""
        if stream.time_base is None:
            raise InputError(
                f"{name} has no time base: convert it to MP4 and upload it again",
                Code.BAD_TIMESTAMPS,
            )
        self.name = name
        self.time_base = stream.time_base
        self.stream_index = stream.index
        self._stream = stream
        self._limits = limits
        self._durations: dict[int, int] = {}
        self._keyframes: set[int] = set()
        self._packets = 0
        self._hidden = 0
        self._first: VideoFrame | None = None
        self._nominal_step = max(1, round(1 / (stream.average_rate or 25) / stream.time_base))
        # Other containers promise frames that were never written: AVI counts the dropped ones.
        self._promised = stream.frames if "mov" in stream.container.format.name else 0

    def add(self, packet: Packet[Any]) -> None:
        """Take note of one packet of the stream.

        Raises:
            InputError: a frame has no timestamp, no frame can be decoded, or there are too many.
        """
        if not packet.size:
            return
        self._packets += 1
        self._decode_first(packet)
        if packet.is_discard or _is_hidden(packet, self._stream.codec_context.codec.canonical_name):
            self._hidden += 1
            return
        if packet.pts is None:
            raise InputError(
                f"{self.name} has frames without timestamps: convert it to MP4 and upload it again",
                Code.BAD_TIMESTAMPS,
            )
        self._durations[packet.pts] = packet.duration or 0
        if packet.is_keyframe:
            self._keyframes.add(packet.pts)
        if len(self._durations) > self._limits.max_frames:
            raise too_long(f"{self.name} has {len(self._durations)} frames or more", self._limits)

    @property
    def pts(self) -> list[int]:
        """Timestamps of the frames in ticks, rising."""
        return sorted(self._durations)

    @property
    def keyframes(self) -> set[int]:
        """Timestamps of the keyframes."""
        return self._keyframes

    @property
    def last_duration(self) -> int:
        """Ticks for which the last frame is shown: as stated, else the average step."""
        pts = self.pts
        average = (pts[-1] - pts[0]) // (len(pts) - 1) if len(pts) > 1 else self._nominal_step
        return self._durations[pts[-1]] or max(1, average)

    @property
    def same_timestamp(self) -> int:
        """How many frames share their timestamp with another."""
        return self._packets - self._hidden - len(self._durations)

    def first_frame(self) -> VideoFrame:
        """Return a decoded frame.

        Raises:
            InputError: the stream ended without one, or before the frames that its index names.
        """
        if not self._durations or self._first is None:
            raise InputError(
                f"{self.name} holds no frame that can be decoded: upload it again",
                Code.DAMAGED_VIDEO,
            )
        # Some writers count one frame more than they write.
        if self._packets < self._promised - 1:
            raise InputError(
                f"{self.name} is cut short: {self._packets} of its {self._promised} frames are "
                "there: upload it again",
                Code.DAMAGED_VIDEO,
            )
        return self._first

    def _decode_first(self, packet: Packet[Any]) -> None:
        if self._first is not None or self._packets > _PACKETS_TO_FIRST_FRAME:
            return
        try:
            self._first = next(iter(self._stream.decode(packet)), None)
        except InvalidDataError:
            return

    def flush(self) -> None:
        """Take the frame that the decoder held back, where the stream is that short."""
        if self._first is None:
            self._first = next(iter(self._stream.decode(None)), None)


def _is_hidden(packet: Packet[Any], codec: str) -> bool:
    """Whether a packet is a VP8 frame for reference only: show_frame in RFC 6386, section 9.1."""
    return codec == "vp8" and not memoryview(packet)[0] & 0x10
