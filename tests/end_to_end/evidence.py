"""What can be proved of a result against its source, by decoding and demuxing both."""

import io
import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideDataType

STYLING = re.compile(rb"\{\\[^}]*\}")
TEXT = {"subrip", "mov_text", "ass", "webvtt"}
LEAST_PSNR = 38
UNSPECIFIED = 2


@dataclass(frozen=True)
class Track:
    kind: str
    codec: str
    language: str
    times: list[float]
    packets: list[bytes]


@dataclass(frozen=True)
class Evidence:
    """Everything of a video that must come through.

    Attributes:
        tick: seconds per tick of the video's timestamps.
        times: of the frames as decoded, in seconds.
        luma: the frames' luma planes.
        shape: width, height, sample aspect ratio, display matrix.
        colour: range, matrix, primaries, transfer as H.273 code points.
    """

    tick: Fraction
    times: list[float]
    luma: list[np.ndarray]
    shape: tuple[Any, ...]
    colour: tuple[int, ...]
    audio: list[Track]
    subtitles: list[Track]
    chapters: list[tuple[float, float, str]]

    def from_zero(self) -> "Evidence":
        """The same by a clock that begins with whatever comes first, picture or sound."""
        zero = min(self.times + [time for track in self.audio for time in track.times])
        return replace(
            self,
            times=[time - zero for time in self.times],
            audio=[_earlier(track, zero) for track in self.audio],
            subtitles=[_earlier(track, zero) for track in self.subtitles],
        )


def _earlier(track: Track, seconds: float) -> Track:
    return replace(track, times=[time - seconds for time in track.times])


def evidence(content: bytes) -> Evidence:
    with _open(content) as container:
        stream = container.streams.best("video")
        times, luma, first = [], [], None
        for frame in container.decode(stream):
            first = first or frame
            times.append(float(frame.pts * frame.time_base))
            luma.append(_luma(frame))
        full_range = first.color_range == 2 or first.format.name.startswith("yuvj")
        return Evidence(
            tick=stream.time_base,
            times=times,
            luma=luma,
            shape=(first.width, first.height, stream.sample_aspect_ratio or 1, _matrix(first)),
            colour=(full_range, first.colorspace, first.color_primaries, first.color_trc),
            audio=_tracks(content, "audio"),
            subtitles=_tracks(content, "subtitle"),
            chapters=[_chapter(chapter) for chapter in container.chapters()],
        )


def prove_equal(source: Evidence, result: Evidence) -> None:
    """Every frame at its time, and everything else of the video kept."""
    tick = float(max(source.tick, result.tick))
    assert len(result.times) == len(source.times)
    assert max(abs(a - b) for a, b in zip(source.times, result.times, strict=True)) <= tick
    assert result.shape == source.shape
    for of_source, of_result in zip(source.colour, result.colour, strict=True):
        assert of_result == of_source or (of_source == UNSPECIFIED and of_result != UNSPECIFIED)
    for kind in ("audio", "subtitles"):
        before, after = getattr(source, kind), getattr(result, kind)
        assert [track.language for track in after] == [track.language for track in before]
        assert [track.packets for track in after] == [track.packets for track in before]
        for old, new in zip(before, after, strict=True):
            assert new.times == pytest.approx(old.times, abs=0.001)
    assert result.chapters == source.chapters
    assert psnr(source.luma, result.luma) >= LEAST_PSNR


def psnr(first: list[np.ndarray], second: list[np.ndarray]) -> float:
    """Peak signal-to-noise ratio of two sequences of luma planes, in dB (255 at the peak)."""
    errors = [
        np.mean((a.astype(np.int32) - b.astype(np.int32)) ** 2)
        for a, b in zip(first, second, strict=True)
    ]
    return 10 * np.log10(255**2 / max(np.mean(errors), 1e-9))


def _open(content: bytes) -> InputContainer:
    return av.open(io.BytesIO(content), "r")


def _luma(frame: av.VideoFrame) -> np.ndarray:
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width].copy()


def _matrix(frame: av.VideoFrame) -> tuple[int, ...]:
    for data in frame.side_data:
        if data.type == SideDataType.DISPLAYMATRIX:
            return tuple(memoryview(data).cast("B").cast("i"))
    return ()


def _tracks(content: bytes, kind: str) -> list[Track]:
    with _open(content) as container:
        indices = [stream.index for stream in container.streams if stream.type == kind]
    return [_track(content, index) for index in indices]


def _track(content: bytes, index: int) -> Track:
    with _open(content) as container:
        stream = container.streams[index]
        found = [
            (float(packet.pts * packet.time_base), _payload(packet))
            for packet in container.demux(stream)
            if packet.size and packet.pts is not None
        ]
        # MP4 fills the gaps between subtitles with empty ones.
        kept = [(time, payload) for time, payload in found if payload]
        return Track(
            kind=stream.type,
            codec=stream.codec_context.codec.canonical_name,
            language=stream.metadata.get("language", "und"),
            times=[time for time, _ in kept],
            packets=[payload for _, payload in kept],
        )


def _payload(packet: av.Packet) -> bytes:
    codec = packet.stream.codec_context.codec.canonical_name
    if codec == "aac" and not packet.stream.codec_context.extradata:
        return bytes(packet)[7:]  # without the ADTS header, which MP4 keeps once for all
    if codec in TEXT:
        rects = packet.stream.codec_context.decode2(packet)
        return STYLING.sub(b"", b"\n".join(rect.dialogue for rect in rects or ()))
    return bytes(packet)


def _chapter(chapter: Any) -> tuple[float, float, str]:
    start, end = (float(chapter[key] * chapter["time_base"]) for key in ("start", "end"))
    return round(start, 3), round(end, 3), chapter["metadata"].get("title", "")
