"""Decoding: the frames of one shard, each at the timestamp that the plan names."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from signal import SIGKILL
from typing import Final

import ffmpeg
import numpy as np
from ffmpeg.nodes import FilterableStream, OutputStream

from gpu_worker.errors import InputError, ToolError
from gpu_worker.frame import Frame, Planes
from gpu_worker.plan import Picture, Plan, Shard
from gpu_worker.process import Ffmpeg, running

_FORMATS: Final = "mov,matroska"
"""Demuxers that seek exactly; a playlist, whatever its name, is not among them."""
_SCALE_MATRICES: Final = {"bt2020nc": "bt2020"}
"""Matrices that the scale filter calls otherwise than `-colorspace` does."""


def frames(video: Path, plan: Plan, shard: Shard, threads: int) -> Generator[Frame]:
    """Yield each frame of `shard` once, in order; close the generator to leave early.

    A planned frame that does not come out of the decoder is replaced by the last one before it,
    or at the beginning by the first after it, and marked as damaged. A frame that comes out
    without being planned is dropped.

    Args:
        video: a file of the MP4 or Matroska family.
        plan: names the timestamps, and how the pixels are to be read.
        shard: one of the plan's.
        threads: of the decoder.

    Raises:
        InputError: nothing of the shard can be decoded.
        ToolError: the decoder was killed.
    """
    pts = list(plan.source)
    window = _Window.of(plan, shard, pts)
    decoded = _decoded(video, plan, window, threads)
    planned = deque(pts[shard.first : shard.last])
    with closing(decoded):
        for index, (planes, damaged) in enumerate(_match(decoded, planned), shard.first):
            yield Frame(shard, index, planes, damaged)
    if planned:
        raise InputError(
            f"Nothing can be decoded from {_clock(window.first)} to {_clock(window.end)}"
            " of the video; cut that part out, or repair the file."
        )


@dataclass(frozen=True, slots=True)
class _Window:
    """The part of the source to decode, in seconds; its edges lie between two frames.

    Attributes:
        first: timestamp of the first frame wanted.
        start: where to begin; None for the very beginning.
        end: where to stop.
    """

    first: Fraction
    start: Fraction | None
    end: Fraction

    @classmethod
    def of(cls, plan: Plan, shard: Shard, pts: Sequence[int]) -> _Window:
        """Find the edges; the deinterlacer needs to see one frame before the first."""
        tick = plan.source.seconds_per_tick
        begin = shard.first - plan.picture.interlaced
        after = pts[shard.last] if shard.last < len(pts) else plan.source.end
        return cls(
            first=pts[shard.first] * tick,
            start=(pts[begin - 1] + pts[begin]) * tick / 2 if begin > 0 else None,
            end=(pts[shard.last - 1] + after) * tick / 2,
        )


def _match(
    decoded: Iterable[tuple[int, Planes]], planned: deque[int]
) -> Generator[tuple[Planes, bool]]:
    """Take from `planned` and yield each timestamp's picture and whether it is damaged.

    What nothing can stand in for stays in `planned`.
    """
    latest: Planes | None = None
    for pts, planes in decoded:
        while planned and planned[0] < pts:
            planned.popleft()
            yield planes if latest is None else latest, True
        if planned and planned[0] == pts:
            planned.popleft()
            yield planes, False
        if not planned:
            return
        latest = planes
    while planned and latest is not None:
        planned.popleft()
        yield latest, True


def _decoded(
    video: Path, plan: Plan, window: _Window, threads: int
) -> Generator[tuple[int, Planes]]:
    """Yield what the decoder puts out: timestamps in ticks of the plan's source, and planes."""
    reading, writing = os.pipe()
    graph = _graph(video, plan, window, threads, writing)
    with running(graph, [writing]) as child, os.fdopen(reading, encoding="ascii") as stamps:
        os.close(writing)
        while (planes := _read_planes(child, plan.picture)) is not None:
            ticks, time_base = stamps.readline().split()
            yield round(int(ticks) * Fraction(time_base) / plan.source.seconds_per_tick), planes
        if child.finish() == -SIGKILL:
            raise ToolError("The decoder was killed, perhaps because the memory ran out.")


def _read_planes(child: Ffmpeg, picture: Picture) -> Planes | None:
    """Read one picture; None at the end, which may cut the last one short."""
    width, height = picture.padded_size
    planes = np.empty((height * 3 // 2, width), np.uint8)
    whole = child.stdout.readinto(planes) == planes.nbytes
    return planes if whole else None


def _graph(video: Path, plan: Plan, window: _Window, threads: int, stamps: int) -> OutputStream:
    # With -copyts an accurate seek would add the file's start time to where it starts; so seek to
    # the keyframe before, and trim.
    seek, trim = {}, {"end": _seconds(window.end)}
    if window.start is not None:
        trim["start"] = _seconds(window.start)
        seek = {"seek_timestamp": 1, "noaccurate_seek": None, "ss": _seconds(window.start)}
    source = ffmpeg.input(
        f"file:{video}",
        copyts=None,
        noautorotate=None,
        threads=threads,
        protocol_whitelist="file",
        format_whitelist=_FORMATS,
        **seek,
    )
    wanted = source[str(plan.stream)].filter("trim", **trim)
    return _pictures(wanted, plan.picture).output(
        "pipe:1",
        format="rawvideo",
        fps_mode="passthrough",
        **{"stats_enc_pre:v": f"pipe:{stamps}", "stats_enc_pre_fmt:v": "{ptsi} {tbi}"},
    )


def _pictures(stream: FilterableStream, picture: Picture) -> FilterableStream:
    """Bring every frame to 8-bit 4:2:0 of the plan's size, changing no more than that needs."""
    if picture.interlaced:
        stream = stream.filter("bwdif", mode="send_frame", deint="interlaced")
    if picture.hdr:
        stream = _tone_mapped(stream)
    codes = "full" if picture.full_range else "limited"
    matrix = _SCALE_MATRICES.get(picture.matrix, picture.matrix)
    stream = stream.filter(
        "scale",
        picture.width,
        picture.height,
        in_range=codes,
        out_range=codes,
        in_color_matrix=matrix,
        out_color_matrix=matrix,
    ).filter("format", "yuv420p")
    return (
        stream
        if picture.padded_size == (picture.width, picture.height)
        else _padded(stream, picture)
    )


def _tone_mapped(stream: FilterableStream) -> FilterableStream:
    """Map PQ or HLG to SDR BT.709, with white at 100 cd/m2 (FFmpeg's tonemap, Hable's curve)."""
    return (
        stream.filter("zscale", transfer="linear", npl=100)
        .filter("format", "gbrpf32le")
        .filter("zscale", primaries="bt709")
        .filter("tonemap", "hable", desat=0)
        .filter("zscale", transfer="bt709", matrix="bt709", range="limited")
        .filter("format", "yuv420p")
    )


def _padded(stream: FilterableStream, picture: Picture) -> FilterableStream:
    """Repeat the last column or row where their number is odd."""
    width, height = picture.padded_size
    right, bottom = width - picture.width, height - picture.height
    return stream.filter("pad", width, height).filter(
        "fillborders", right=right, bottom=bottom, mode="smear"
    )


def _seconds(time: Fraction) -> str:
    return f"{float(time):.6f}"


def _clock(time: Fraction) -> str:
    """Write seconds as people do: 1:02:03.4."""
    minutes, seconds = divmod(float(time), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{seconds:04.1f}"
