"""Text subtitles as MP4's timed text (3GPP TS 26.245)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeGuard, cast

from av.container import OutputContainer
from av.packet import Packet
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle, SubtitleSet

TIMED_TEXT = "mov_text"
# The text is the last of nine fields of a line (Advanced SubStation Alpha).
ASS_FIELDS = 8
ASS_LINE = b"0,0,Default,,0,0,0,,"
# White, in the size that FFmpeg gives to texts without a style. Its encoder of timed text takes a
# header without one for black of size 0.
ASS_HEADER = b"""[Script Info]
ScriptType: v4.00+
PlayResX: 384
PlayResY: 288

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Alignment, Encoding
Style: Default,Arial,16,&Hffffff,2,0

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
LINE_BREAK, HARD_SPACE = rb"\N", rb"\h"
LAST_TEXT_S = 4
"""Seconds for which a text is shown that has no end and none after it."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A text of subtitles: when it goes, in ticks, infinite where the next one ends it."""

    end: float
    text: bytes


class ToTimedText:
    """Turns text subtitles into MP4's timed text (3GPP TS 26.245).

    That shows one text at a time. Where several are to be seen at once, one text holds them all,
    and another begins whenever one of them comes or goes.
    """

    def __init__(self, out: OutputContainer, source: SubtitleStream) -> None:
        """Make the track."""
        self._container = out
        self._decoder = source.codec_context
        self._stream = out.add_stream(TIMED_TEXT)
        self._decoder.open(strict=False)
        self._encoder = self._stream.codec_context
        # Not the source's: MP4 cannot hold all of its styles, and half of one is black on black.
        self._encoder.subtitle_header = ASS_HEADER
        self._encoder.open(strict=False)
        self._tick = cast("Fraction", source.time_base)
        self._shown: list[_Line] = []
        self._now = 0

    def take(self, packet: Packet[Any]) -> None:
        """Take a text, and write what was shown until it came."""
        subtitle = self._decoder.decode2(packet)
        if subtitle is None or packet.pts is None:
            return
        self._tick = packet.time_base
        start = max(packet.pts, self._now)
        self._show_until(start)
        end = packet.pts + packet.duration if packet.duration else math.inf
        texts = [rect.ass.split(b",", ASS_FIELDS) for rect in subtitle if is_text(rect)]
        self._shown += [_Line(end, fields[-1]) for fields in texts if end > start]

    @property
    def is_over(self) -> bool:
        """False: a text that begins before zero is seen from zero on."""
        return False

    def flush(self) -> None:
        """Write what is left."""
        self._show_until(math.inf)

    def _show_until(self, moment: float) -> None:
        """Write what is shown up to a moment."""
        while self._shown and self._now < moment:
            # A text without an end is shown until the next one comes.
            end = min(moment, *(line.end for line in self._shown))
            until = self._now + round(LAST_TEXT_S / self._tick) if end == math.inf else int(end)
            self._write(until)
            self._now = until
            self._shown = [line for line in self._shown if until < line.end < math.inf]
        if moment < math.inf:
            self._now = int(moment)

    def _write(self, until: int) -> None:
        lines = LINE_BREAK.join(line.text for line in self._shown)
        text = SubtitleSet.create(ASS_LINE + lines, 0, until - self._now)
        packet = cast("Packet[Any]", self._encoder.encode_subtitle(text))
        packet.pts = packet.dts = self._now
        packet.duration = until - self._now
        packet.time_base = self._tick
        packet.stream = self._stream
        self._container.mux(packet)


def is_text(rect: object) -> TypeGuard[AssSubtitle]:
    """Whether it is the text of a subtitle, no picture."""
    return isinstance(rect, AssSubtitle)
