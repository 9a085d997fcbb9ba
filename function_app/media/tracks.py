"""How one track of sound or subtitles is kept: copied, as timed text, as AAC, or not at all.

Each track becomes a file of its own in the container of the result. Whether that holds a codec is
tried with the track's first packet, not looked up: muxers call some codecs experimental, refuse
some headers, and write what their own demuxers do not read. A track that cannot be kept never ends
a job; a sentence says what became of it.
"""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol, TypeGuard, cast

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import FFmpegError
from av.filter import Graph
from av.packet import Packet
from av.stream import Stream
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle, SubtitleSet

from function_app.media.uncompressed import OUT_OF_STEP_S, SampleCopy, bytes_at_once
from function_app.options.container import Container
from function_app.store.streams import BlobWriter

AAC_FRAME = 1024
AAC_SAMPLES = "fltp"
AAC_BITS_PER_CHANNEL = 96_000
# Those of ISO/IEC 14496-3, table 1.19, that players know.
AAC_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 7: "7.1", 8: "7.1"}
MOST_AAC_CHANNELS = 8
# Fills gaps with silence and cuts what overlaps; stretches nothing.
IN_STEP = f"async=1:min_hard_comp={OUT_OF_STEP_S}"

TEXT_SUBTITLES = {
    *("subrip", "ass", "ssa", "webvtt", "text", "mov_text", "microdvd", "subviewer", "subviewer1"),
    *("sami", "realtext", "stl", "jacosub", "mpl2", "pjs", "vplayer"),
}
STYLED_SUBTITLES = {"ass", "ssa"}
PICTURE_SUBTITLES = {"hdmv_pgs_subtitle", "dvb_subtitle", "dvd_subtitle", "xsub"}
TIMED_TEXT = "mov_text"
# One codec to MP4, which tells its layers apart by their packets.
MPEG_AUDIO = {"mp1", "mp2", "mp3"}
# Muxers write it into MP4, and nothing but them reads it there.
NOT_IN_MP4 = {"ttml"}
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
LEAD_S = 1
"""Seconds before what is heard of an MP4 in which FFmpeg's demuxer finds what leads into it."""
LAST_TEXT_S = 4
"""Seconds for which a text is shown that has no end and none after it."""

type OpenTrack = Callable[[str], BlobWriter]
"""Gives the writer of a track's file by its name."""

# What FFmpeg and its binding raise about a track's data.
SURPRISES = (FFmpegError, ValueError, TypeError, KeyError, IndexError, NotImplementedError)

log = logging.getLogger(__name__)


class _Way(Protocol):
    """What a track's packets go through."""

    @property
    def is_over(self) -> bool:
        """Whether all that was taken comes before zero, and so is not heard."""
        ...

    def take(self, packet: Packet[Any]) -> None: ...

    def flush(self) -> None: ...


class Track:
    """Keeps one track of a source.

    Args:
        source: the track.
        container: of the result.
        out: where its file goes; nothing is written where the track is not kept.

    Attributes:
        notes: a sentence where it is not kept, or not as it is; complete after `close`.
    """

    def __init__(self, source: Stream, container: Container, out: BlobWriter) -> None:
        """Settle nothing: the first packet does."""
        self.notes: list[str] = []
        self._source = source
        self._container = container
        self._blob = out
        self._codec = codec_name(source)
        self._file: OutputContainer | None = None
        self._way: _Way | None = None
        self._is_given_up = False
        self._lost = 0

    def __call__(self, packet: Packet[Any]) -> None:
        """Take the track's next packet."""
        if self._is_given_up or not packet.size:
            return
        if self._way is None:
            self._begin(packet)
        if self._way is not None:
            try:
                self._way.take(packet)
            except SURPRISES as error:
                self._lost += 1
                log.info("a packet of track %d: %s", self._source.index, error)

    def close(self) -> bool:
        """Finish the track's file, but do not commit it; return whether there is one to keep."""
        if self._way is None or self._file is None:
            if not self._is_given_up:
                self.notes.append(f"{self._named} is declared but empty: left out")
            return False
        if self._way.is_over:
            self.notes = [f"{self._named} is over when the video begins: left out"]
            return False
        try:
            self._way.flush()
            self._blob.hold()
            self._file.close()
        except SURPRISES as error:
            log.warning("track %d: %s", self._source.index, error)
            self.notes = [f"{self._named} cannot be written to {self._container.spoken}: left out"]
            return False
        if not self._blob.tell():
            self.notes = [f"nothing of {self._named} can be decoded: left out"]
            return False
        if self._lost:
            self.notes.append(f"{self._lost} packets of {self._named} are damaged: left out")
        return True

    @property
    def _named(self) -> str:
        kind = "sound" if isinstance(self._source, AudioStream) else "subtitles"
        return f"the {self._codec} {kind} of track {self._source.index}"

    @property
    def _is_counted(self) -> bool:
        """Whether the container counts the samples of the sound, and knows no other times."""
        return self._container is Container.MP4 and bytes_at_once(self._source) > 0

    def _begin(self, packet: Packet[Any]) -> None:
        """Find the way for a track by its first packet; give it up where there is none."""
        if packet.has_sidedata("encryption_info"):
            self._is_given_up = True
            self.notes = [f"{self._named} is encrypted (DRM): left out"]
            return
        if is_held(self._container, self._source, packet):
            self._open(SampleCopy if self._is_counted else _Copy)
        elif isinstance(self._source, SubtitleStream) and self._codec in TEXT_SUBTITLES:
            self._open(_ToTimedText)
            if self._codec in STYLED_SUBTITLES:
                self.notes.append(f"{self._named} are kept as plain text, without their styling")
        elif isinstance(self._source, AudioStream) and self._codec != "unknown":
            self._open(_ToAac)
            self.notes.append(f"{self._named} was encoded to AAC{self._changes()}")
        if self._way is None:
            self._is_given_up = True
            self.notes = [f"{self._named} cannot be kept in {self._container.spoken}: left out"]

    def _open(self, way: type[_Copy | SampleCopy | _ToTimedText | _ToAac]) -> None:
        try:
            self._file = av.open(
                cast("Any", self._blob),
                "w",
                format=self._container.muxer,
                options=self._container.options(),
            )
            self._way = way(self._file, cast("Any", self._source))
            describe(self._file.streams[0], self._source)
        except SURPRISES as error:
            log.warning("track %d: %s", self._source.index, error)

    def _changes(self) -> str:
        source = cast("AudioStream", self._source)
        rate, most = aac_rate(source.rate), MOST_AAC_CHANNELS
        changes = [
            f"{rate} instead of {source.rate} Hz" if rate != source.rate else "",
            f"{most} instead of {source.channels} channels" if source.channels > most else "",
        ]
        said = " and ".join(filter(None, changes))
        return f" ({said})" if said else ""


def codec_name(stream: Stream) -> str:
    """Return the codec's own name, not that of one of its decoders."""
    known = cast("object", stream.codec_context)
    return stream.codec_context.codec.canonical_name if known else "unknown"


def describe(stream: Stream, source: Stream) -> None:
    """Carry over what a container says of a track: language, title, default or forced."""
    stream.metadata.update(source.metadata)
    # FFmpeg writes an MP4's title of a track from one key and reads it into another.
    if title := source.metadata.get("title") or source.metadata.get("name"):
        stream.metadata["title"] = title
    stream.disposition = source.disposition


def is_held(container: Container, source: Stream, packet: Packet[Any]) -> bool:
    """Try whether a container holds a track: a packet is written to it and read back."""
    codec, trial = codec_name(source), io.BytesIO()
    if container is Container.MP4 and codec in NOT_IN_MP4:
        return False
    try:
        with av.open(trial, "w", format=container.muxer, options=container.options()) as out:
            copy = Packet(bytes(packet))
            copy.pts = copy.dts = 0
            copy.duration, copy.time_base = packet.duration, packet.time_base
            copy.is_keyframe = True
            copy.stream = out.add_stream_from_template(source)
            out.mux(copy)
        trial.seek(0)
        with av.open(trial, "r") as back:
            kept = {codec_name(each.stream) for each in back.demux() if each.size}
            return bool(kept & ({codec} | (MPEG_AUDIO if codec in MPEG_AUDIO else set())))
    except SURPRISES as error:
        log.info("%s does not hold %s: %s", container.spoken, codec, error)
        return False


def aac_rate(rate: int) -> int:
    """Return the rate that the encoder of AAC takes and that is nearest to one, in Hz."""
    taken = av.Codec("aac", "w").audio_rates or [rate]
    return min(taken, key=lambda other: abs(other - rate))


class _Copy:
    """Copies packets as they are."""

    def __init__(self, out: OutputContainer, source: Stream) -> None:
        self._container = out
        self._stream = out.add_stream_from_template(source)
        self._is_strict = out.format.name != Container.MKV.muxer
        self._rate = source.rate if self._is_strict and isinstance(source, AudioStream) else 0
        self._given = self._last = Fraction(-(2**62))
        self._length = Fraction(0)
        self._packets = 0
        self._longest = Fraction(0)

    def take(self, packet: Packet[Any]) -> None:
        given = None if packet.dts is None else packet.dts * packet.time_base
        if given is not None and given < self._given and packet.is_discard:
            return  # it leads a decoder into the next part of an edit list, and is not heard
        if given is None or given < self._given:
            raise ValueError(f"a time of decoding of {given} s comes after {self._given} s")
        if self._rate and given < -LEAD_S:
            return
        length = (packet.duration or 0) * packet.time_base
        time = self._spaced(packet, given) if self._is_strict else given
        if self._packets:
            self._longest = max(self._longest, time - self._last)
        self._given, self._last, self._length = given, time, length
        self._packets += 1
        packet.stream = self._stream
        self._container.mux(packet)

    @property
    def is_over(self) -> bool:
        return self._rate > 0 and self._last < 0

    def _spaced(self, packet: Packet[Any], given: Fraction) -> Fraction:
        """Set a packet that comes with another or before it right after; return when it comes.

        MP4 has no two packets of a track at one time. Matroska has: its times are milliseconds,
        which short frames share, and recorders write a packet's time for several. Those are played
        one after the other.
        """
        tick = Fraction(1, self._rate) if self._rate else packet.time_base
        distance = max(tick, self._length) if given == self._given else tick
        time = max(given, self._last + distance)
        if time > given:
            packet.duration = round((packet.duration or 0) * packet.time_base / tick)
            packet.dts = packet.pts = round(time / tick)
            packet.time_base = tick
        return time

    def flush(self) -> None:
        """Refuse packets that come a sample apart, for MP4 has uncompressed sound so.

        Raises:
            ValueError: they do.
        """
        if self._rate and self._packets > 1 and round(self._longest * self._rate) <= 1:
            raise ValueError(f"{self._packets} packets last {self._packets} samples")


@dataclass(frozen=True, slots=True)
class _Line:
    """A text of subtitles: when it goes, in ticks, infinite where the next one ends it."""

    end: float
    text: bytes


class _ToTimedText:
    """Turns text subtitles into MP4's timed text (3GPP TS 26.245).

    That shows one text at a time. Where several are to be seen at once, one text holds them all,
    and another begins whenever one of them comes or goes.
    """

    def __init__(self, out: OutputContainer, source: SubtitleStream) -> None:
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
        return False

    def flush(self) -> None:
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


class _ToAac:
    """Encodes sound to AAC."""

    def __init__(self, out: OutputContainer, source: AudioStream) -> None:
        self._container = out
        self._source = source
        channels = min(source.channels, MOST_AAC_CHANNELS)
        self._rate, self._layout = aac_rate(source.rate), AAC_LAYOUTS[channels]
        self._stream = out.add_stream("aac", rate=self._rate)
        self._stream.codec_context.layout = self._layout
        self._stream.codec_context.bit_rate = AAC_BITS_PER_CHANNEL * channels
        self._graph = self._in_step()
        self._form: tuple[object, ...] = ()
        self._resampler = AudioResampler(AAC_SAMPLES, self._layout, self._rate)
        self.is_over = True

    def take(self, packet: Packet[Any]) -> None:
        self.is_over &= (packet.pts or 0) < 0
        for frame in self._source.decode(packet):
            self._push(frame)

    def flush(self) -> None:
        for frame in self._source.decode(None):
            self._push(frame)
        self._resample(None)
        self._graph.push(None)
        self._encode()
        self._container.mux(self._stream.encode(None))

    def _in_step(self) -> Graph:
        """Keep sound in step where there are gaps, in frames that the encoder takes."""
        graph = Graph()
        source = graph.add_abuffer(
            sample_rate=self._rate,
            format=AAC_SAMPLES,
            layout=self._layout,
            time_base=Fraction(1, self._rate),
        )
        graph.link_nodes(source, graph.add("aresample", IN_STEP), graph.add("abuffersink"))
        graph.configure()
        graph.set_audio_frame_size(AAC_FRAME)
        return graph

    def _push(self, frame: AudioFrame) -> None:
        """Take a decoded frame; streams change their rate and layout in their midst."""
        form = frame.sample_rate, frame.format.name, frame.layout.name
        if self._form and form != self._form:
            self._resample(None)
            self._resampler = AudioResampler(AAC_SAMPLES, self._layout, self._rate)
        self._form = form
        self._resample(frame)

    def _resample(self, frame: AudioFrame | None) -> None:
        if frame is None and not self._form:
            return
        tick = Fraction(1, self._rate)
        for piece in self._resampler.resample(frame):
            if piece.pts is not None and piece.time_base is not None:
                piece.pts, piece.time_base = round(piece.pts * piece.time_base / tick), tick
            self._graph.push(piece)
            self._encode()

    def _encode(self) -> None:
        while True:
            try:
                piece = self._graph.pull()
            except (BlockingIOError, EOFError):
                return
            self._container.mux(self._stream.encode(cast("AudioFrame", piece)))
