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
from gpu_worker.process import Ffmpeg, Limits, running

_FORMATS: Final = "mov,matroska"
"""Demuxers that seek exactly; a playlist, whatever its name, is not among them."""
_MOST_REORDERED: Final = 16
"""Frames by which decoding may run ahead of showing (H.264 and H.265: max_num_reorder)."""
_SCALE_MATRICES: Final = {"bt2020nc": "bt2020"}
"""Matrices that the scale filter calls otherwise than `-colorspace` does."""
_CPU_SECONDS: Final = 60
_CPU_SECONDS_PER_MEGAPIXEL: Final = 1
"""Processor time to decode with: tens of times what the slowest codecs and filters need."""
_MEMORY: Final = 2 * 2**30
_BYTES_PER_PIXEL: Final = 256
"""Memory to decode in: reference frames of 10 bits, one more a thread, a few in floats."""


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
    edges = [*plan.source, plan.source.end]
    planned = deque(edges[shard.first : shard.last])
    with closing(_found(video, plan, _Window.of(plan, shard, edges), threads)) as decoded:
        for index, (planes, damaged) in enumerate(_match(decoded, planned), shard.first):
            yield Frame(shard, index, planes, damaged)
    if planned:
        begin, end = (_clock(edges[at], plan) for at in (shard.first, shard.last))
        raise InputError(
            f"Nothing can be decoded from {begin} to {end} of the video;"
            " cut that part out, or repair the file."
        )


@dataclass(frozen=True, slots=True)
class _Window:
    """The part of the source to decode, in seconds.

    Attributes:
        first: timestamp of the first frame, in ticks of the plan's source.
        start: half-way before the first frame; None for the very beginning.
        earlier: so far before it that no keyframe between is decoded, but not shown, before it.
        end: when the first frame is shown that is not wanted; None for the very end.
        last: number of that frame.
    """

    first: int
    start: Fraction | None
    earlier: Fraction | None
    end: Fraction | None
    last: int

    @classmethod
    def of(cls, plan: Plan, shard: Shard, edges: Sequence[int]) -> _Window:
        """Find them; a deinterlacer wants to see one frame more on either side."""
        tick = plan.source.seconds_per_tick
        first = max(0, shard.first - plan.picture.interlaced)
        last = shard.last + plan.picture.interlaced
        before = first - _MOST_REORDERED
        return cls(
            first=edges[first],
            start=(edges[first - 1] + edges[first]) * tick / 2 if first > 0 else None,
            earlier=edges[before] * tick if before > 0 else None,
            end=edges[last] * tick if last < plan.frame_count else None,
            last=last,
        )

    @property
    def trim(self) -> dict[str, str]:
        """The limits there are, as options of the trim filter."""
        limits = {"start": self.start, "end": self.end}
        return {name: _seconds(time) for name, time in limits.items() if time is not None}


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


def _found(video: Path, plan: Plan, window: _Window, threads: int) -> Generator[tuple[int, Planes]]:
    """Decode; if that begins too late, decode again from earlier on.

    Fragmented MP4 is sought by the time of decoding: a frame that is shown just before a keyframe,
    but decoded after it, is missed then.
    """
    for seek in (window.start, window.earlier):
        with closing(_decoded(video, plan, window, seek, threads)) as decoded:
            begin = next(decoded, None)
            if begin is None or (begin[0] > window.first and seek != window.earlier):
                continue
            yield begin
            yield from decoded
            return


def _decoded(
    video: Path, plan: Plan, window: _Window, seek: Fraction | None, threads: int
) -> Generator[tuple[int, Planes]]:
    """Yield what the decoder puts out: timestamps in ticks of the plan's source, and planes."""
    reading, writing = os.pipe()
    graph = _graph(video, plan, window, seek, threads, writing)
    limits = _limits(plan, window)
    with running(graph, [writing], limits) as child, os.fdopen(reading, encoding="ascii") as stamps:
        os.close(writing)
        while (planes := _read_planes(child, plan.picture)) is not None:
            ticks, time_base = stamps.readline().split()
            yield round(int(ticks) * Fraction(time_base) / plan.source.seconds_per_tick), planes
        if child.finish() == -SIGKILL:
            raise ToolError("The decoder was killed, perhaps because the memory ran out.")


def _limits(plan: Plan, window: _Window) -> Limits:
    """Allow for every frame up to the end of the window: there may be one keyframe only."""
    pixels = plan.picture.width * plan.picture.height
    megapixels = window.last * pixels / 1e6
    return Limits(
        cpu_seconds=_CPU_SECONDS + round(_CPU_SECONDS_PER_MEGAPIXEL * megapixels),
        memory=_MEMORY + _BYTES_PER_PIXEL * pixels,
    )


def _read_planes(child: Ffmpeg, picture: Picture) -> Planes | None:
    """Read one picture; None at the end, which may cut the last one short."""
    width, height = picture.padded_size
    luma = picture.width * picture.height
    codes = np.empty(luma + width * height // 2, np.uint8)
    if child.stdout.readinto(codes) < codes.nbytes:
        return None
    if luma < width * height:
        codes = np.concatenate((_padded(codes[:luma], picture), codes[luma:]))
    return codes.reshape(height * 3 // 2, width)


def _padded(luma: Planes, picture: Picture) -> Planes:
    """Repeat the last row or column where their number is odd; chroma has the right size as is."""
    width, height = picture.padded_size
    rows = luma.reshape(picture.height, picture.width)
    return np.pad(rows, ((0, height - len(rows)), (0, width - picture.width)), mode="edge").ravel()


def _graph(
    video: Path, plan: Plan, window: _Window, seek: Fraction | None, threads: int, stamps: int
) -> OutputStream:
    # With -copyts an accurate seek would add the file's start time to where it starts; so seek to
    # the keyframe before, and trim.
    where: dict[str, object] = {}
    if seek is not None:
        where = {"seek_timestamp": 1, "noaccurate_seek": None, "ss": _seconds(seek)}
    source = ffmpeg.input(
        f"file:{video}",
        copyts=None,
        noautorotate=None,
        threads=threads,
        protocol_whitelist="file",
        format_whitelist=_FORMATS,
        **where,
    )
    wanted = source[str(plan.stream)]
    if window.trim:
        wanted = wanted.filter("trim", **window.trim)
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
    return stream.filter(
        "scale",
        picture.width,
        picture.height,
        in_range=codes,
        out_range=codes,
        in_color_matrix=matrix,
        out_color_matrix=matrix,
    ).filter("format", "yuv420p")


def _tone_mapped(stream: FilterableStream) -> FilterableStream:
    """Map PQ or HLG to SDR BT.709, with white at 100 cd/m2 (FFmpeg's tonemap, Hable's curve)."""
    return (
        stream.filter("zscale", transfer="linear", npl=100, primariesin="2020", matrixin="2020_ncl")
        .filter("format", "gbrpf32le")
        .filter("zscale", primaries="bt709")
        .filter("tonemap", "hable", desat=0)
        .filter("zscale", transfer="bt709", matrix="bt709", range="limited")
        .filter("format", "yuv420p")
    )


def _seconds(time: Fraction) -> str:
    return f"{float(time):.6f}"


def _clock(tick: int, plan: Plan) -> str:
    """Write a timestamp as people do: 1:02:03.4."""
    minutes, seconds = divmod(float(tick * plan.source.seconds_per_tick), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{seconds:04.1f}"
