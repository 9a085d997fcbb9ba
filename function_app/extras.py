"""Everything of a video but the picture: audio, subtitles, chapters, metadata.

Tracks are written to one MP4 as the result will hold them: packets that MP4 can hold are copied
bit for bit, text subtitles become MP4's timed text, other audio is encoded to AAC. What cannot be
kept is said in a sentence. Chapters and metadata travel beside it as JSON.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self, cast

import av
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.subtitles.stream import SubtitleStream

from function_app.storage import BlobWriter

AAC_FRAME = 1024
AAC_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
KEPT = {"audio", "subtitle"}
"""Kinds of streams that are kept beside the picture."""
TEXT_SUBTITLES = {"subrip", "ass", "ssa", "webvtt", "text", "mov_text", "microdvd", "subviewer"}

# Bytes of index that an MP4 needs for a packet: size, duration, offset, composition offset, sync.
INDEX_BYTES = 40
PACKETS_PER_SECOND = 120
HEADER_BYTES = 256 * 2**10

# Ticks a second of MP4's edit lists, which hold where a track starts. FFmpeg's 1000 would move a
# start by up to half a millisecond; this keeps it exact for the usual time bases and rates, and
# three hours still fit into 32 bits.
MOVIE_TIMESCALE = 360_000

type Sink = Callable[[Packet[Any]], None]


@dataclass(frozen=True, slots=True)
class Chapter:
    """A named part of a video, in seconds from its zero."""

    start: float
    end: float
    title: str


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What has no packets.

    Attributes:
        chapters: in order.
        metadata: the container's own: title, date and the like.
        tracks: how many audio and subtitle tracks the extras hold; 0 if there are none.
    """

    chapters: tuple[Chapter, ...]
    metadata: dict[str, str]
    tracks: int

    def to_json(self) -> str:
        """Write as one JSON document."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote."""
        fields: dict[str, Any] = json.loads(text)
        chapters = tuple(Chapter(**chapter) for chapter in fields["chapters"])
        return cls(chapters, fields["metadata"], fields["tracks"])


def chapters_of(container: InputContainer) -> tuple[Chapter, ...]:
    """Return the chapters of a container."""
    return tuple(
        Chapter(
            float(chapter["start"] * cast("Fraction", chapter["time_base"])),
            float(chapter["end"] * cast("Fraction", chapter["time_base"])),
            chapter["metadata"].get("title", ""),
        )
        for chapter in container.chapters()
    )


def describe(stream: Stream, source: Stream) -> None:
    """Carry over what a container says of a track: language, title, default or forced."""
    stream.metadata.update(source.metadata)
    stream.disposition = source.disposition


def metadata_of(container: InputContainer) -> dict[str, str]:
    """Return what a container says of its content, without what it says of itself."""
    of_itself = {"major_brand", "minor_version", "compatible_brands", "encoder"}
    return {key: value for key, value in container.metadata.items() if key.lower() not in of_itself}


def mp4_options(index: int) -> dict[str, str]:
    """Return the muxer's options for an MP4 with its index, of at most that size, at the front."""
    return {"moov_size": str(index), "movie_timescale": str(MOVIE_TIMESCALE)}


def index_size(packets: int) -> int:
    """Return how many bytes to reserve for the index of an MP4 of that many packets."""
    return HEADER_BYTES + INDEX_BYTES * packets


class ExtrasWriter:
    """Writes the tracks of one container beside the picture.

    Args:
        source: the container whose tracks are to be kept.
        out: where to; `head_size` tells how much of it must stay rewritable.

    Attributes:
        sinks: for each stream index that is kept, what takes its packets.
        notes: a sentence for each track that is not kept or not kept as it is.
    """

    def __init__(self, source: InputContainer, out: BlobWriter) -> None:
        """Write nothing yet, but settle how each track will be kept."""
        self._out = av.open(out, "w", format="mp4", options=mp4_options(head_size(source)))
        self.notes: list[str] = []
        self.sinks: dict[int, Sink] = {}
        for stream in source.streams:
            if sink := self._sink(stream):
                self.sinks[stream.index] = sink

    def close(self) -> None:
        """Finish the container; the writer is not committed."""
        for sink in self.sinks.values():
            if isinstance(sink, _ToAac):
                sink.flush()
        self._out.close()

    def _sink(self, stream: Stream) -> Sink | None:
        if stream.type not in KEPT:
            return None
        codec = _codec_name(stream)
        if codec in self._out.supported_codecs and codec != "ttml":
            return _Copy(self._out, stream)
        if isinstance(stream, SubtitleStream) and codec in TEXT_SUBTITLES:
            return _ToTimedText(self._out, stream)
        if isinstance(stream, AudioStream) and codec != "unknown":
            self.notes.append(f"the {codec} sound of track {stream.index} was encoded to AAC")
            return _ToAac(self._out, stream)
        self.notes.append(f"the {codec} {stream.type} track {stream.index} cannot be kept in MP4")
        return None


def _codec_name(stream: Stream) -> str:
    """The codec's own name, not that of one of its decoders."""
    known = cast("object", stream.codec_context)
    return stream.codec_context.codec.canonical_name if known else "unknown"


def head_size(source: InputContainer) -> int:
    """Return the bytes that the index of a container's extras may need."""
    return index_size(most_packets(source))


def most_packets(source: InputContainer) -> int:
    """Return how many packets the tracks beside the picture may have."""
    usual = int((source.duration or 0) / av.time_base * PACKETS_PER_SECOND)
    return sum(
        # What a file counts of uncompressed sound is samples, and a packet has thousands of them.
        usual if not stream.frames or _codec_name(stream).startswith("pcm_") else stream.frames
        for stream in source.streams
        if stream.type in KEPT
    )


class _Copy:
    """Copies packets as they are."""

    def __init__(self, out: OutputContainer, source: Stream) -> None:
        self._container = out
        self._stream = out.add_stream_from_template(source)
        describe(self._stream, source)
        self._last: int | None = None

    def __call__(self, packet: Packet[Any]) -> None:
        if packet.dts is None or (self._last is not None and packet.dts <= self._last):
            return
        self._last = packet.dts
        packet.stream = self._stream
        self._container.mux(packet)


class _ToTimedText:
    """Turns text subtitles into MP4's timed text (3GPP TS 26.245)."""

    def __init__(self, out: OutputContainer, source: SubtitleStream) -> None:
        self._container = out
        self._decoder = source.codec_context
        self._stream = out.add_stream("mov_text")
        self._decoder.open(strict=False)
        self._encoder = self._stream.codec_context
        self._encoder.subtitle_header = self._decoder.subtitle_header
        self._encoder.open(strict=False)
        describe(self._stream, source)

    def __call__(self, packet: Packet[Any]) -> None:
        subtitle = self._decoder.decode2(packet) if packet.size else None
        if subtitle is None or not len(subtitle) or packet.pts is None:
            return
        text = cast("Packet[Any]", self._encoder.encode_subtitle(subtitle))
        text.pts = text.dts = packet.pts
        text.duration = packet.duration
        text.time_base = packet.time_base
        text.stream = self._stream
        self._container.mux(text)


class _ToAac:
    """Encodes audio that MP4 cannot hold to AAC."""

    def __init__(self, out: OutputContainer, source: AudioStream) -> None:
        self._container = out
        self._source = source
        self._stream = out.add_stream("aac", rate=source.rate)
        layout = AAC_LAYOUTS.get(source.channels, "stereo")
        self._stream.codec_context.layout = layout
        self._resampler = AudioResampler("fltp", layout, source.rate, frame_size=AAC_FRAME)
        describe(self._stream, source)

    def __call__(self, packet: Packet[Any]) -> None:
        for frame in self._source.decode(packet) if packet.size else ():
            for piece in self._resampler.resample(frame):
                self._container.mux(self._stream.encode(piece))

    def flush(self) -> None:
        for frame in self._source.decode(None):
            for piece in self._resampler.resample(frame):
                self._container.mux(self._stream.encode(piece))
        for piece in self._resampler.resample(None):
            self._container.mux(self._stream.encode(piece))
        self._container.mux(self._stream.encode(None))
