"""How one track of sound or subtitles is kept: copied, as timed text, as AAC, or not at all.

Each track becomes a file of its own in the container of the result. Whether that holds a codec is
tried with the track's first packet, not looked up: muxers call some codecs experimental, refuse
some headers, and write what their own demuxers do not read. A track that cannot be kept never ends
a job; a sentence says what became of it.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Protocol, cast

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.subtitles.stream import SubtitleStream

from function_app.media.aac import MOST_AAC_CHANNELS, ToAac, aac_rate
from function_app.media.timed_text import ToTimedText
from function_app.media.uncompressed import SampleCopy, bytes_at_once
from function_app.options.container import Container
from function_app.store.streams import BlobWriter

TEXT_SUBTITLES = {
    *("subrip", "ass", "ssa", "webvtt", "text", "mov_text", "microdvd", "subviewer", "subviewer1"),
    *("sami", "realtext", "stl", "jacosub", "mpl2", "pjs", "vplayer"),
}
STYLED_SUBTITLES = {"ass", "ssa"}
# One codec to MP4, which tells its layers apart by their packets.
MPEG_AUDIO = {"mp1", "mp2", "mp3"}
# Muxers write it into MP4, and nothing but them reads it there.
NOT_IN_MP4 = {"ttml"}
LEAD_S = 1
"""Seconds before what is heard of an MP4 in which FFmpeg's demuxer finds what leads into it."""
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
            self._open(ToTimedText)
            if self._codec in STYLED_SUBTITLES:
                self.notes.append(f"{self._named} are kept as plain text, without their styling")
        elif isinstance(self._source, AudioStream) and self._codec != "unknown":
            self._open(ToAac)
            self.notes.append(f"{self._named} was encoded to AAC{self._changes()}")
        if self._way is None:
            self._is_given_up = True
            self.notes = [f"{self._named} cannot be kept in {self._container.spoken}: left out"]

    def _open(self, way: type[_Copy | SampleCopy | ToTimedText | ToAac]) -> None:
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
