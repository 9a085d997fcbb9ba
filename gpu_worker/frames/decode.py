"""Decoding: the frames of one shard, each at the timestamp that the plan names."""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from signal import SIGKILL
from threading import Condition
from typing import Final

import ffmpeg
import numpy as np
from ffmpeg.nodes import FilterableStream, OutputStream

from gpu_worker.errors import InputError, ToolError
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
_LOG_SECONDS: Final = 60.0
"""To wait for a line of FFmpeg's log that is on its way."""
_SCALE_MATRICES: Final = {"bt2020nc": "bt2020"}
"""Matrices that the scale filter calls otherwise than `-colorspace` does."""
_NO_ZSCALE_TRANSFERS: Final = {"bt1361e", "smpte428"}
_RGB: Final = "gbr"
_INFO: Final = b"[info] "
_ERROR: Final = b"[error] "
_ON_ITS_WAY: Final = (b" <- ", b" -> ")
"""In a line about a packet or a frame on its way through FFmpeg; all are of level info."""
_WITH_ERRORS: Final = b"corrupt decoded frame"
_SHOWN: Final = re.compile(
    rb"showinfo.*? n: *\d+ pts:.*? pts_time:(-?[\d.]+) .*? s:(\d+)x(\d+) .*? type:.(?P<beside>.*)"
)
_DECODED: Final = re.compile(rb"decoder -> pts:(-?\d+) .* time_base:(\d+)/(\d+)")
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
    evidence = _Evidence(plan.source.seconds_per_tick, plan.picture)
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


class _Evidence:
    """What FFmpeg's log says of the frames that it decodes: which of them with errors.

    A line about errors comes right before that of its frame, and both before the frame itself.
    showinfo ends its line in a second call, so that what another thread says may come in its midst.

    Attributes:
        ticks: timestamps of the frames that were decoded with errors; whole once FFmpeg has ended.
        scaled: when frames are shown of another size than the picture's, in ticks, rounded.
    """

    def __init__(self, seconds_per_tick: Fraction, picture: Picture) -> None:
        self.ticks: set[int] = set()
        self.scaled: set[Fraction] = set()
        self._size = picture.width, picture.height
        self._tick = seconds_per_tick
        self._errors = self._trouble = False
        self._clean: set[int] = set()
        self._heard = Condition()
        self._latest: int | None = None
        self._ended = False

    def begin(self) -> None:
        """Forget what another decoder said."""
        self.ticks.clear()
        self.scaled.clear()
        self._clean.clear()
        self._errors = self._trouble = self._ended = False
        self._latest = None

    def hear(self, line: bytes) -> bool:
        """Take a line of FFmpeg's log, an empty one at its end; return if it need not be kept."""
        if not line:
            self._end()
        shown = _SHOWN.search(line)
        if shown and (int(shown[2]), int(shown[3])) != self._size:
            self.scaled.add(Fraction(shown[1].decode()) / self._tick)
        said = shown["beside"].strip() if shown else line
        # What comes in the midst of a line has lost its level.
        told = _INFO in said or not said or any(each in said for each in _ON_ITS_WAY)
        if _WITH_ERRORS in said:
            self._errors = self._trouble = True
        elif _ERROR in said or (shown and not told):
            self._trouble = True
        elif frame := _DECODED.search(said):
            pts, numerator, denominator = map(int, frame.groups())
            self._take(round(Fraction(pts * numerator, denominator) / self._tick))
        return told

    def _end(self) -> None:
        with self._heard:
            self._ended = True
            self._heard.notify_all()

    def _take(self, tick: int) -> None:
        with self._heard:
            (self.ticks if self._errors else self._clean).add(tick)
            self._errors, self._latest = False, tick
            self._heard.notify_all()

    def is_clean(self, tick: int, shown: int) -> bool:
        """Whether a frame was decoded without errors, once what is said of a later one is heard."""
        self._listen(shown)
        return tick in self._clean

    def is_trouble(self, shown: int) -> bool:
        """Whether anything went wrong until a frame came out."""
        self._listen(shown)
        return self._trouble

    def _listen(self, shown: int) -> None:
        with self._heard:
            self._heard.wait_for(
                lambda: self._ended or (self._latest is not None and self._latest >= shown),
                _LOG_SECONDS,
            )


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
    video: Path, plan: Plan, window: _Window, threads: int, evidence: _Evidence
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


def _is_exact(begin: int, entry: int, window: _Window, evidence: _Evidence) -> bool:
    """Whether decoding that was entered gives from its first frame on what it should."""
    return begin <= window.first and evidence.is_clean(entry, begin)


def _decoded(
    video: Path,
    plan: Plan,
    window: _Window,
    seek: Fraction | None,
    threads: int,
    evidence: _Evidence,
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


def pictures(stream: FilterableStream, picture: Picture) -> FilterableStream:
    """Bring every frame to 8-bit 4:2:0 of the plan's size, changing no more than that needs."""
    if picture.transparent:
        stream = _over_white(stream)
    if picture.interlaced:
        stream = stream.filter("bwdif", mode="send_frame", deint="interlaced")
    if picture.hdr:
        stream = _tone_mapped(stream, picture)
    elif picture.source_matrix not in {"", _RGB}:
        stream = _converted(stream, picture)
    codes = "full" if picture.full_range else "limited"
    matrix = _SCALE_MATRICES.get(picture.matrix, picture.matrix)
    return stream.filter(
        "scale",
        picture.width,
        picture.height,
        in_range="full" if picture.source_matrix == _RGB else codes,
        out_range=codes,
        in_color_matrix=matrix,
        out_color_matrix=matrix,
    ).filter("format", "yuv420p")


def _over_white(stream: FilterableStream) -> FilterableStream:
    twice = stream.filter("format", "rgba").filter_multi_output("split")
    white = twice[0].filter("drawbox", color="white", thickness="fill", replace=1)
    return ffmpeg.filter([white, twice[1]], "overlay", format="gbrp")


def _tone_mapped(stream: FilterableStream, picture: Picture) -> FilterableStream:
    """Map PQ or HLG to SDR BT.709, with white at 100 cd/m2 (FFmpeg's tonemap, Hable's curve)."""
    return (
        stream.filter(
            "zscale",
            transfer="linear",
            npl=100,
            primariesin=picture.source_primaries or "bt2020",
            matrixin=picture.source_matrix or "bt2020nc",
        )
        .filter("format", "gbrpf32le")
        .filter("zscale", primaries="bt709")
        .filter("tonemap", "hable", desat=0)
        .filter("zscale", transfer="bt709", matrix="bt709", range="limited")
        .filter("format", "yuv420p")
    )


def _converted(stream: FilterableStream, picture: Picture) -> FilterableStream:
    """Bring colours to the matrix of the result, and change neither primaries nor transfer."""
    codes = "full" if picture.full_range else "limited"
    primaries, transfer = picture.source_primaries, picture.source_transfer
    if transfer in _NO_ZSCALE_TRANSFERS:
        transfer = "bt709"  # there and back, so any will do that the matrix can be told by
    return stream.filter(
        "zscale",
        matrixin=picture.source_matrix,
        matrix=picture.matrix,
        primariesin=primaries,
        primaries=primaries,
        transferin=transfer,
        transfer=transfer,
        rangein=codes,
        range=codes,
    )


def _seconds(time: Fraction) -> str:
    return f"{float(time):.6f}"
