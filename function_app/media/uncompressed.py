"""Uncompressed sound for MP4, which counts samples: one follows the other, whatever their times.

A gap in such a track would be none to a player, and all that follows would come too early. So
silence fills it, as it does where sound is encoded.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

OUT_OF_STEP_S = 0.1
"""Seconds from which on a gap is filled, and what overlaps is cut."""
LONGEST_GAP_S = 600
"""Seconds of the longest gap that is filled: nobody is to pay for hours of silence."""

# Samples in which zeros are silence.
_CODEC = re.compile(r"pcm_[sf](\d\d)[bl]e")


def bytes_at_once(source: Stream) -> int:
    """Return the bytes of one sample of all channels; 0 where MP4 does not count in samples."""
    if not isinstance(source, AudioStream):
        return 0
    bits = _CODEC.fullmatch(source.codec_context.codec.canonical_name)
    return int(bits[1]) // 8 * source.channels if bits else 0


class SampleCopy:
    """Copies uncompressed sound as it is, from zero on, in step.

    Args:
        out: an MP4.
        source: the track.
    """

    def __init__(self, out: OutputContainer, source: AudioStream) -> None:
        """Begin with the first sample that is not before zero."""
        self._container = out
        self._stream = out.add_stream_from_template(source)
        self._rate = source.rate
        self._bytes = bytes_at_once(source)
        self._given: Fraction | None = None
        self._next = 0

    def take(self, packet: Packet[Any]) -> None:
        """Copy a packet.

        Raises:
            ValueError: it has no time, one that is too far off, or what came before reaches to its
                end.
        """
        if packet.is_discard:
            return
        if packet.pts is None:
            raise ValueError("a packet has no time")
        time = packet.pts * packet.time_base
        ahead = self._ahead(time)
        if ahead > LONGEST_GAP_S * self._rate:
            raise ValueError(f"a packet comes {ahead} samples after the one before")
        content = bytes(packet)[max(0, -ahead) * self._bytes :]
        if not content:
            raise ValueError(f"a packet comes {-ahead} samples before the end of the one before")
        for start in range(0, ahead, self._rate):
            self._write(bytes(min(self._rate, ahead - start) * self._bytes))
        self._write(content)
        self._given = time

    @property
    def is_over(self) -> bool:
        """Whether all that was taken comes before zero."""
        return self._next <= 0

    def _ahead(self, time: Fraction) -> int:
        """Return how many samples lie between what was taken and a packet of that time."""
        start = round(time * self._rate)
        if self._given is None:
            self._next = start
        # Where several packets have one time, it is that of the first.
        if time == self._given or abs(start - self._next) < OUT_OF_STEP_S * self._rate:
            return 0
        return start - self._next

    def flush(self) -> None:
        """Do nothing: all is written."""

    def _write(self, content: bytes) -> None:
        """Write what of it is heard: from zero on."""
        count = len(content) // self._bytes
        early = min(count, max(0, -self._next))
        self._next += early
        if early == count:
            return
        packet = Packet(content[early * self._bytes : count * self._bytes])
        packet.pts = packet.dts = self._next
        packet.duration, packet.time_base = count - early, Fraction(1, self._rate)
        packet.is_keyframe = True
        packet.stream = self._stream
        self._next += count - early
        self._container.mux(packet)
