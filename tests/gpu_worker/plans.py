"""Plans for clips, made from their packets."""

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av

from gpu_worker.plan import Picture, Plan, Shard, Timeline

PICTURE = Picture(
    width=64,
    height=48,
    sample_aspect_ratio=(1, 1),
    matrix="bt709",
    primaries="bt709",
    transfer="bt709",
    full_range=False,
    interlaced=False,
    hdr=False,
)


def cut(frames: int, length: int) -> tuple[Shard, ...]:
    """Cut frames into shards of a length, wherever the keyframes are; the last may be shorter."""
    firsts = range(0, frames, length)
    return tuple(Shard(i, first, min(first + length, frames)) for i, first in enumerate(firsts))


def plan_of(video: Path, shard_length: int = 7, **picture: object) -> Plan:
    """Plan a clip; `picture` says what differs from BT.709 in limited range.

    A decoder enters at keyframes: those of the clips that are planned here are closed.
    """
    with av.open(video) as container:
        stream = container.streams.best("video")
        packets = [packet for packet in container.demux(stream) if packet.size]
        context, index, time_base = stream.codec_context, stream.index, stream.time_base
        size = {"width": context.width, "height": context.height}
    pts = sorted(packet.pts for packet in packets)
    last = next(packet for packet in packets if packet.pts == pts[-1])
    timeline = Timeline.of(pts, last.duration or 1, time_base)
    plan = synthetic_plan(timeline, index, shard_length, **size | picture)
    keys = [0, *(pts.index(packet.pts) for packet in packets if packet.is_keyframe)]
    return replace(plan, shards=tuple(entered(shard, keys) for shard in plan.shards))


def entered(shard: Shard, keys: Iterable[int]) -> Shard:
    return replace(shard, entry=max(key for key in keys if key <= shard.first))


def synthetic_plan(
    timeline: Timeline, stream: int = 0, shard_length: int = 7, **picture: object
) -> Plan:
    """Plan for a timeline that no file need have."""
    fields = {name: getattr(PICTURE, name) for name in PICTURE.__slots__}
    shards = cut(len(timeline), shard_length)
    return Plan("test", stream, timeline, timeline, Picture(**fields | picture), shards)


def even(frames: int, rate: int = 24) -> Timeline:
    """Frames at a constant rate, from 0."""
    return Timeline.of(range(frames), 1, Fraction(1, rate))
