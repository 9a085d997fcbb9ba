"""The plan of a job: the contract between those who orchestrate and those who paint.

`plan.json` names every frame of the result by its timestamp and every shard by its frame range.
It is written once, before any painting, and each later stage proves its work against it. The
names of the files that a worker leaves in its output folder, and what stands in them, belong to
the same contract and stand here too. Standard library only, so that both sides can import it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, Self

VERSION = 1

PREVIEW_NAME = "preview.jpg"
POSTER_NAME = "poster.jpg"
SHEET_NAME = "sheet.jpg"
FAILURE_NAME = "failure.json"
PROGRESS_PREFIX = "progress-"
PROGRESS_NAME = f"{PROGRESS_PREFIX}000.json"
"""Rank 0 tells the progress of all ranks."""
STYLE_NAME = "style.safetensors"
SMOKE_PREFIX = "smoke-"
LINES_SUFFIX = ".jsonl"

NEEDS_GPU = "ATELIER_NEEDS_GPU"
"""Environment variable of a worker's job that is set where its nodes are known to have GPUs."""

BUDGET_PARTS = 100
"""Of the learning of a style, which has no frames: hundredths of its budget stand for them."""

SEAL_BYTES = 8 + hashlib.sha256().digest_size
"""Length of the seal at the end of a shard's file."""
_SEAL_HEAD = SEAL_BYTES.to_bytes(4) + b"free"


class PlanError(ValueError):
    """A plan that cannot be read, or that contradicts itself."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Presentation timestamps of consecutive frames, run-length encoded.

    Attributes:
        time_base: seconds per tick, as (numerator, denominator).
        first: timestamp of the first frame in ticks.
        steps: runs of (ticks from one frame to the next, how many times). Every step is
            positive; the last frame's step is its duration, so there are as many steps as
            frames.
    """

    time_base: tuple[int, int]
    first: int
    steps: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        """Check the invariants.

        Raises:
            PlanError: no frame, a step that does not move forward, or an unusable time base.
        """
        if min(self.time_base) <= 0:
            raise PlanError(f"a time base of {self.time_base} has no meaning")
        if not self.steps or any(step <= 0 or count <= 0 for step, count in self.steps):
            raise PlanError("timestamps must rise from frame to frame, and there must be one")

    @classmethod
    def of(cls, pts: Sequence[int], last_duration: int, time_base: Fraction) -> Self:
        """Encode rising timestamps.

        Args:
            pts: timestamp of each frame in ticks, in order of presentation.
            last_duration: ticks for which the last frame is shown.
            time_base: seconds per tick.

        Raises:
            PlanError: `pts` is empty or does not rise.
        """
        if not pts:
            raise PlanError("there is no frame to plan")
        ends = [*pts[1:], pts[-1] + last_duration]
        steps = _run_lengths(end - start for start, end in zip(pts, ends, strict=True))
        return cls(time_base.as_integer_ratio(), pts[0], tuple(steps))

    def __len__(self) -> int:
        """Count the frames."""
        return sum(count for _, count in self.steps)

    def __iter__(self) -> Iterator[int]:
        """Yield the timestamp of each frame, in ticks."""
        pts = self.first
        for step, count in self.steps:
            yield from range(pts, pts + step * count, step)
            pts += step * count

    @property
    def seconds_per_tick(self) -> Fraction:
        """The time base as a fraction."""
        return Fraction(*self.time_base)

    @property
    def end(self) -> int:
        """The tick at which the last frame ends."""
        return self.first + sum(step * count for step, count in self.steps)

    @property
    def duration(self) -> Fraction:
        """Seconds from the first frame's start to the last frame's end."""
        return (self.end - self.first) * self.seconds_per_tick

    @property
    def frame_rate(self) -> Fraction:
        """Average frames per second."""
        return len(self) / self.duration


@dataclass(frozen=True, slots=True)
class Shard:
    """The frames `[first, last)` of a plan, painted or described by one rank into one file.

    Attributes:
        index: of the shard among the plan's.
        first: frame.
        last: frame after its last.
        suffix: of the file's name: `.mp4`, or `LINES_SUFFIX` where frames are described.
        entry: frame at or before `first` at which a decoder can enter, so that from there on it
            gives what decoding from the start gives; 0 is the start itself.
    """

    index: int
    first: int
    last: int
    suffix: str = ".mp4"
    entry: int = 0

    def __len__(self) -> int:
        """Count the frames."""
        return self.last - self.first

    @property
    def name(self) -> str:
        """File name of the shard."""
        return f"{self.index:05d}{self.suffix}"

    @property
    def proxy_name(self) -> str:
        """File name of the shard as it was, small; only where the plan wants it."""
        return f"{self.index:05d}.before.m4v"

    @property
    def damage_name(self) -> str:
        """File name of the list of frames that did not decode; absent where all did."""
        return f"{self.index:05d}.damage.json"


@dataclass(frozen=True, slots=True)
class Picture:
    """How the source's pixels are to be read and the result's to be tagged.

    Colour names are those of FFmpeg's `-color_*` options (ITU-T H.273).

    Attributes:
        width: of the source's frames as decoded, in pixels, neither rotated nor padded.
        height: likewise.
        sample_aspect_ratio: width to height of one pixel.
        matrix: YUV matrix of the result: the source's, or bt709 for HDR.
        primaries: likewise.
        transfer: likewise.
        full_range: luma spans 0-255 instead of 16-235.
        interlaced: the source's frames are two fields each.
        hdr: the source is PQ or HLG and must be tone-mapped to SDR BT.709.
        display_matrix: the nine integers of the container's display matrix; empty if none.
        source_matrix: of the source, where its colours have to be converted: "gbr" for RGB; else
            empty.
        source_primaries: of the source.
        source_transfer: of the source.
        transparent: the source's frames have an alpha channel, and are painted over white.
    """

    width: int
    height: int
    sample_aspect_ratio: tuple[int, int]
    matrix: str
    primaries: str
    transfer: str
    full_range: bool
    interlaced: bool
    hdr: bool
    display_matrix: tuple[int, ...] = ()
    source_matrix: str = ""
    source_primaries: str = ""
    source_transfer: str = ""
    transparent: bool = False

    @property
    def padded_size(self) -> tuple[int, int]:
        """Width and height of the result: the next even numbers, as 4:2:0 chroma demands."""
        return self.width + self.width % 2, self.height + self.height % 2


@dataclass(frozen=True, slots=True)
class Encoding:
    """How shards are encoded; the same for all, since they are joined without re-encoding.

    Attributes:
        crf: constant quality, lower is better; what NVENC calls cq.
        preset: of x264.
        codec: FFmpeg's name of the encoder: libx264, or h264_nvenc where every GPU has one.
    """

    crf: int = 18
    preset: str = "veryfast"
    codec: str = "libx264"


@dataclass(frozen=True, slots=True)
class Blend:
    """How the painted picture and the video's own go together.

    Attributes:
        strength: share of the painted picture, from 0 (the video as it was) to 1.
        preserve_colour: only luma is painted; chroma stays the video's.
    """

    strength: float = 1.0
    preserve_colour: bool = False

    def __post_init__(self) -> None:
        """Check the range.

        Raises:
            PlanError: the strength is not from 0 to 1.
        """
        if not 0 <= self.strength <= 1:
            raise PlanError(f"a strength of {self.strength} is not from 0 to 1")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a job is to do.

    Attributes:
        job_id: for logs and messages.
        stream: index of the video stream in the file that the worker reads.
        source: timestamps as the file that the worker reads has them.
        result: timestamps as the result must have them; differs from `source` only where the
            file was remuxed on the way.
        picture: geometry and colour.
        shards: consecutive frame ranges that cover every frame once.
        encoding: the encoder's settings.
        blend: how much of the video shows through.
        x264_build: of the x264 that encoded the source, by which FFmpeg knows of its faults; only
            the stream's first frame tells. -1 if it does not.
        needs_proxy: browsers do not play the source, so that a small copy is made for them.
        version: of this format.
    """

    job_id: str
    stream: int
    source: Timeline
    result: Timeline
    picture: Picture
    shards: tuple[Shard, ...]
    encoding: Encoding = Encoding()
    blend: Blend = Blend()
    x264_build: int = -1
    needs_proxy: bool = False
    version: int = VERSION

    def __post_init__(self) -> None:
        """Check that the shards cover each frame exactly once.

        Raises:
            PlanError: they do not, or the two timelines differ in length.
        """
        if len(self.source) != len(self.result):
            raise PlanError("source and result must have the same number of frames")
        edge = 0
        for index, shard in enumerate(self.shards):
            if (shard.index, shard.first) != (index, edge) or shard.last <= shard.first:
                raise PlanError(f"shard {index} does not follow the one before it")
            if not 0 <= shard.entry <= shard.first:
                raise PlanError(f"shard {index} is entered after it begins")
            edge = shard.last
        if edge != len(self.result):
            raise PlanError(f"the shards hold {edge} frames of {len(self.result)}")

    @property
    def frame_count(self) -> int:
        """Frames of the source and of the result."""
        return len(self.result)

    @property
    def makes_lines(self) -> bool:
        """Whether frames are described, a line of JSON each, instead of painted."""
        return self.shards[0].suffix == LINES_SUFFIX

    def to_json(self) -> str:
        """Write the plan as one JSON document."""
        return json.dumps(dataclasses.asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a plan and check it.

        Raises:
            PlanError: not a plan, a plan of another version, or one that contradicts itself.
        """
        fields = _object(text)
        version = fields.get("version")
        if version != VERSION:
            raise PlanError(f"this is a plan of version {version}; only {VERSION} can be read")
        try:
            return cls(
                job_id=str(fields["job_id"]),
                stream=int(fields["stream"]),
                source=_timeline(fields["source"]),
                result=_timeline(fields["result"]),
                picture=Picture(**_tuples(fields["picture"])),
                shards=tuple(Shard(**shard) for shard in fields["shards"]),
                encoding=Encoding(**fields["encoding"]),
                blend=Blend(**fields["blend"]),
                x264_build=int(fields.get("x264_build", -1)),
                needs_proxy=bool(fields.get("needs_proxy", False)),
            )
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise PlanError(f"the plan cannot be read: {error}") from error


def seal(plan: Plan, shard: Shard, content: Iterable[bytes]) -> bytes:
    """Return what stands at the end of a shard's file and proves all that stands before it.

    It is a box that players skip (`free` in ISO/IEC 14496-12), with a SHA-256 of the job, the
    shard's place in it and the content: neither a damaged file nor another job's or place's passes.

    Args:
        plan: of the job.
        shard: one of the plan's.
        content: of the file before the seal, in pieces.
    """
    digest = hashlib.sha256(f"{plan.job_id} [{shard.first}, {shard.last})\n".encode())
    for piece in content:
        digest.update(piece)
    return _SEAL_HEAD + digest.digest()


def may_be_seal(end: bytes) -> bool:
    """Tell the end of a shard's file, as long as a seal, from that of half a file.

    Whether the seal fits what stands before it is another question, for who reads all of that.
    """
    return len(end) == SEAL_BYTES and end.startswith(_SEAL_HEAD)


def is_whole_jpeg(content: bytes) -> bool:
    """Tell a JPEG from a part of one, which lacks the marker at its end (EOI, ITU-T T.81 B.2.1)."""
    return content.endswith(b"\xff\xd9")


MOST_DECODED = 16
"""Times that a video may be decoded, all shards together, before there are fewer of them."""


def cut_shards(
    pts: Sequence[int],
    entries: Iterable[int],
    *,
    longest: int,
    at_least: int,
    lead: int = 0,
) -> tuple[Shard, ...]:
    """Cut a video into shards that are even in length and start at entries where some are near.

    Decoding starts at an entry, so a shard that starts elsewhere decodes some frames twice. That
    is cheap beside painting, and many short clips have one entry only; so evenness comes first,
    and a boundary moves to an entry only within a quarter of a shard's length. Where entries are
    so rare that the video would be decoded `MOST_DECODED` times over, shards are longer.

    Args:
        pts: timestamp of each frame, rising.
        entries: timestamps of the frames at which a decoder can enter, in any order; that it can
            at the first frame need not be said.
        longest: frames in a shard at most, before its ends move to entries, where entries are not
            rare.
        at_least: how many shards there should be, as far as there are frames for them.
        lead: frames before its first that a shard needs to see.

    Returns:
        Consecutive shards that cover every frame once.
    """
    total = len(pts)
    least = min(total, at_least)
    count = max(least, -(-total // longest))
    position = {tick: frame for frame, tick in enumerate(pts)}
    starts = sorted({0} | {position[tick] for tick in entries if tick in position})
    shards = _cut(total, count, starts, lead)
    while count > least and sum(s.last - s.entry for s in shards) > MOST_DECODED * total:
        count = max(least, count // 2)
        shards = _cut(total, count, starts, lead)
    return shards


def _cut(total: int, count: int, starts: Sequence[int], lead: int) -> tuple[Shard, ...]:
    reach = total // count // 4
    cuts = [0]
    for part in range(1, count):
        even = total * part // count
        near = _nearest(starts, even)
        cuts.append(near if abs(near - even) <= reach else even)
    return tuple(
        Shard(index, first, last, entry=starts[bisect(starts, max(0, first - lead)) - 1])
        for index, (first, last) in enumerate(zip(cuts, [*cuts[1:], total], strict=True))
    )


@dataclass(frozen=True, slots=True)
class Progress:
    """What the ranks have done so far; rank 0 writes it for all of them.

    Attributes:
        rank: of the writer in its MPI world.
        frames: painted in this attempt; of a learning, parts of its budget.
        frames_per_second: over the last few seconds.
        device: what it paints on, for people.
    """

    rank: int
    frames: int
    frames_per_second: float
    device: str

    @property
    def name(self) -> str:
        """File name of the writer's progress."""
        return f"{PROGRESS_PREFIX}{self.rank:03d}.json"

    def to_json(self) -> str:
        """Write as one JSON document."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote.

        Raises:
            PlanError: not a progress file.
        """
        return _read(cls, text)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a worker gave up.

    Attributes:
        fault: "input" is final; "world" is worth another attempt.
        message: one sentence for people.
        code: a stable name of the error, for programs.
    """

    fault: Literal["input", "world"]
    message: str
    code: str = ""

    def to_json(self) -> str:
        """Write as one JSON document."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote.

        Raises:
            PlanError: not a failure file.
        """
        return _read(cls, text)


@dataclass(frozen=True, slots=True)
class Smoke:
    """What one rank of a smoke job found of its node, of its mounts, and of the other ranks.

    It is written before the others are asked, for that may never end, and again after.

    Attributes:
        rank: of the writer in its MPI world.
        ranks: of that world.
        node: name of the machine.
        gpus: that PyTorch sees.
        gpu: name of the first; empty for none.
        no_gpu: why it cannot be computed on, a sentence; empty if it can.
        driver: of the GPU, and for which CUDA PyTorch was built, for people.
        encoders: FFmpeg's names of those that encoded a clip.
        digest: SHA-256 of what the rank left on its output mount, in hex; empty where it could not.
        unwritten: why it could not, or what it read back; empty if all was well.
        far_seconds: until one block near the end of the input was there, read before all others.
        seek_rate: MB/s of blocks that lie apart.
        whole_rate: MB/s of the input from its start to its end.
        draws: a second, of a counter in rank 0's memory; None before the others were asked.
    """

    rank: int
    ranks: int
    node: str
    gpus: int
    gpu: str
    no_gpu: str
    driver: str
    encoders: tuple[str, ...]
    digest: str
    unwritten: str
    far_seconds: float
    seek_rate: float
    whole_rate: float
    draws: float | None = None

    @property
    def name(self) -> str:
        """File name of the writer's report."""
        return f"{SMOKE_PREFIX}{self.rank:03d}.json"

    @property
    def left(self) -> str:
        """File name of what the writer left to be read back."""
        return f"{SMOKE_PREFIX}{self.rank:03d}.bin"

    def to_json(self) -> str:
        """Write as one JSON document."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote.

        Raises:
            PlanError: not the report of a smoke job.
        """
        return dataclasses.replace(smoke := _read(cls, text), encoders=tuple(smoke.encoders))


def _nearest(rising: Sequence[int], value: int) -> int:
    """Return the number closest to `value`; `value` itself if there is none."""
    place = bisect(rising, value)
    around = rising[max(0, place - 1) : place + 1]
    return min(around, key=lambda number: abs(number - value), default=value)


def _read[T](kind: type[T], text: str | bytes) -> T:
    try:
        return kind(**_object(text))
    except TypeError as error:
        raise PlanError(f"not a {kind.__name__.lower()} file: {error}") from error


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise PlanError(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise PlanError("not a JSON object")
    return value  # pyright: ignore[reportUnknownVariableType]


def _timeline(fields: dict[str, Any]) -> Timeline:
    numerator, denominator = fields["time_base"]
    steps = tuple((int(step), int(count)) for step, count in fields["steps"])
    return Timeline((numerator, denominator), int(fields["first"]), steps)


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    """JSON has lists only; the dataclasses hold tuples."""
    return {
        key: tuple(value) if isinstance(value, list) else value  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        for key, value in fields.items()
    }


def _run_lengths(values: Iterable[int]) -> Iterator[tuple[int, int]]:
    run: tuple[int, int] | None = None
    for value in values:
        if run and run[0] == value:
            run = (value, run[1] + 1)
        else:
            if run:
                yield run
            run = (value, 1)
    if run:
        yield run
