"""Decoding: the frames of one shard, each at the timestamp that the plan names."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from signal import SIGKILL
from typing import Final

import ffmpeg
import numpy as np
from ffmpeg.nodes import OutputStream

from gpu_worker.errors import InputError, ToolError
from gpu_worker.frames.evidence import Evidence
from gpu_worker.frames.filters import pictures
from gpu_worker.frames.frame import Frame, Planes
from gpu_worker.frames.process import Ffmpeg, Limits, running
from gpu_worker.plan import Picture, Plan, Shard

_FORMATS: Final = "mov,matroska,avi,asf,flv,rm,gif,apng,webp_anim,mxf,yuv4mpegpipe,dv"
"""Demuxers of one file; a playlist, whatever its name, is not among them. The first two seek
exactly, what the others read is entered at its start alone."""
_MOST_ENTRIES: Final = 4
"""Entries to try, one before the other, until decoding goes from the start."""
_MOST_AGAIN: Final = 3000
"""Frames up to which a video with errors is decoded from its start for the sake of exactness."""
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
    without being planned is dropped. The last frame tells which of the shard's frames the decoder
    says it decoded with errors, and which had another size than the plan's.

    Args:
        video: a file of the MP4 or Matroska family.
        plan: names the timestamps, and how the pixels are to be read.
        shard: one of the plan's, or one that begins earlier or ends later.
        threads: of the decoder.

    Raises:
        InputError: nothing of the shard can be decoded.
        ToolError: the decoder was killed.
    """
    edges = [*plan.source, plan.source.end]
    planned = deque(edges[shard.first : shard.last])
    number = {tick: index for index, tick in enumerate(planned, shard.first)}
    evidence = Evidence(plan.source.seconds_per_tick, plan.picture)
    window = _Window.of(plan, shard, edges)
    held: Frame | None = None
    with closing(_found(video, plan, window, threads, evidence)) as decoded:
        for index, (planes, damaged) in enumerate(_match(decoded, planned), shard.first):
            if held:
                yield held
            held = Frame(shard, index, planes, damaged)
    if held is None or planned:
        begin, end = (plan.source.clock(edges[at]) for at in (shard.first, shard.last))
        raise InputError(
            f"Nothing can be decoded from {begin} to {end} of the video;"
            " cut that part out, or repair the file."
        )
    yield replace(
        held,
        concealed=tuple(sorted(number[t] for t in evidence.ticks & number.keys())),
        scaled=tuple(sorted({_nearest(edges, t) for t in evidence.scaled} & set(number.values()))),
    )


def _nearest(edges: Sequence[int], tick: Fraction) -> int:
    """Return the number of the frame that is shown nearest to a time."""
    after = min(bisect_left(edges, tick), len(edges) - 1)
    return min((max(after - 1, 0), after), key=lambda at: abs(edges[at] - tick))


@dataclass(frozen=True, slots=True)
class _Window:
    """The part of the source to decode, in seconds.

    Attributes:
        first: timestamp of the first frame, in ticks of the plan's source.
        start: half-way before the first frame; None for the very beginning.
        seeks: where to begin, one after the other until that is early enough, and the entry there;
            None for the very beginning.
        end: when the first frame is shown that is not wanted; None for the very end.
        last: number of that frame.
    """

    first: int
    start: Fraction | None
    seeks: tuple[tuple[Fraction, int] | None, ...]
    end: Fraction | None
    last: int

    @classmethod
    def of(cls, plan: Plan, shard: Shard, edges: Sequence[int]) -> _Window:
        """Find them; a deinterlacer wants to see one frame more on either side."""
        tick = plan.source.seconds_per_tick
        first = max(0, shard.first - plan.picture.interlaced)
        last = shard.last + plan.picture.interlaced
        entries = {each.entry for each in plan.shards if 0 < each.entry <= first}
        return cls(
            first=edges[first],
            start=(edges[first - 1] + edges[first]) * tick / 2 if first > 0 else None,
            seeks=_seeks(edges, sorted(entries, reverse=True)[:_MOST_ENTRIES], tick),
            end=edges[last] * tick if last < plan.frame_count else None,
            last=last,
        )

    @property
    def trim(self) -> dict[str, str]:
        """The limits there are, as options of the trim filter."""
        limits = {"start": self.start, "end": self.end}
        return {name: _seconds(time) for name, time in limits.items() if time is not None}


def _seeks(
    edges: Sequence[int], entries: Iterable[int], tick: Fraction
) -> tuple[tuple[Fraction, int] | None, ...]:
    """Aim between each entry and the frame after it, for the sake of rounding; last, at the start.

    An earlier one is needed where the picture at the entry is damaged, for then what comes of it
    depends on what was before; and in fragmented MP4, which is sought by the time of decoding.
    """
    aims = [((edges[at] + edges[at + 1]) * tick / 2, edges[at]) for at in entries]
    return (*aims, None)


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


def _found(
    video: Path, plan: Plan, window: _Window, threads: int, evidence: Evidence
) -> Generator[tuple[int, Planes]]:
    """Decode; if that begins too late, decode again from earlier on.

    What FFmpeg makes of an error may depend on all that it decoded before. So if one comes, and not
    too much was before, go on with what decoding from the start gives.
    """
    latest: int | None = None
    troubled = False
    for seek in window.seeks:
        if troubled and seek:
            continue
        evidence.begin()
        where = seek[0] if seek else None
        with closing(_decoded(video, plan, window, where, threads, evidence)) as decoded:
            if seek is None:
                yield from (each for each in decoded if latest is None or each[0] > latest)
                return
            begin = next(decoded, None)
            if begin is None or not _is_exact(begin[0], seek[1], window, evidence):
                continue
            for pts, planes in chain((begin,), decoded):
                troubled = window.last <= _MOST_AGAIN and evidence.is_trouble(pts)
                if troubled:
                    break
                latest = pts
                yield pts, planes
            else:
                return


def _is_exact(begin: int, entry: int, window: _Window, evidence: Evidence) -> bool:
    """Whether decoding that was entered gives from its first frame on what it should."""
    return begin <= window.first and evidence.is_clean(entry, begin)


def _decoded(
    video: Path,
    plan: Plan,
    window: _Window,
    seek: Fraction | None,
    threads: int,
    evidence: Evidence,
) -> Generator[tuple[int, Planes]]:
    """Yield what the decoder puts out: timestamps in ticks of the plan's source, and planes."""
    reading, writing = os.pipe()
    graph = _graph(video, plan, window, seek, threads, writing)
    limits = _limits(plan, window)
    with (
        running(graph, [writing], limits, evidence.hear) as child,
        os.fdopen(reading, encoding="ascii") as stamps,
    ):
        os.close(writing)
        while (planes := read_planes(child, plan.picture)) is not None:
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


def read_planes(child: Ffmpeg, picture: Picture) -> Planes | None:
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
    if plan.x264_build >= 0:
        where["x264_build:v"] = plan.x264_build
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
    wanted = wanted.filter("showinfo", checksum=0)
    return pictures(wanted, plan.picture).output(
        "pipe:1",
        format="rawvideo",
        fps_mode="passthrough",
        **{"stats_enc_pre:v": f"pipe:{stamps}", "stats_enc_pre_fmt:v": "{ptsi} {tbi}"},
    )


def _seconds(time: Fraction) -> str:
    return f"{float(time):.6f}"
