"""What a job is to do: the plan itself, as a document."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Self

from gpu_worker.plan.reading import PlanError, as_object, tuples
from gpu_worker.plan.shards import LINES_SUFFIX, Shard
from gpu_worker.plan.timeline import Timeline

VERSION = 1
NEEDS_GPU = "ATELIER_NEEDS_GPU"
"""Environment variable of a worker's job that is set where its nodes are known to have GPUs."""
REACH = 3
"""Frames on either side with which a painted frame is steadied."""


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
        reach: how many frames before and after each painted frame it is steadied with; 0 for none.
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
    reach: int = 0
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
        fields = as_object(text)
        version = fields.get("version")
        if version != VERSION:
            raise PlanError(f"this is a plan of version {version}; only {VERSION} can be read")
        try:
            return cls(
                job_id=str(fields["job_id"]),
                stream=int(fields["stream"]),
                source=_timeline(fields["source"]),
                result=_timeline(fields["result"]),
                picture=Picture(**tuples(fields["picture"])),
                shards=tuple(Shard(**shard) for shard in fields["shards"]),
                encoding=Encoding(**fields["encoding"]),
                blend=Blend(**fields["blend"]),
                x264_build=int(fields.get("x264_build", -1)),
                needs_proxy=bool(fields.get("needs_proxy", False)),
                reach=int(fields.get("reach", 0)),
            )
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise PlanError(f"the plan cannot be read: {error}") from error


def _timeline(fields: dict[str, Any]) -> Timeline:
    numerator, denominator = fields["time_base"]
    steps = tuple((int(step), int(count)) for step, count in fields["steps"])
    return Timeline((numerator, denominator), int(fields["first"]), steps)
