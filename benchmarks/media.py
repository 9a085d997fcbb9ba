"""Clips to measure with, and plans for them."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg

from gpu_worker.plan import Picture, Plan, Timeline, cut_shards
from tools import clip

SHARD_FRAMES = 100
"""Frames of a shard at most, as the function app plans them for 25 frames/s."""


def make_clip(file: Path, seconds: float, size: tuple[int, int] = (640, 360)) -> None:
    """Write the demo's clip, repeated for so long and of that size, at 25 frames/s with sound."""
    once = file.with_name(f"once-{file.name}")
    clip.make(once)
    scale = ("-vf", "scale={}:{}".format(*size))
    length = ("-t", str(seconds), "-c:v", "libx264", "-crf", "18", "-g", "50", "-c:a", "aac")
    ffmpeg("-stream_loop", "-1", "-i", once, *scale, *length, "-y", file)


def plan_of(video: Path, shards: int) -> Plan:
    """Plan the painting of an MP4 of constant frame rate, in at least so many shards."""
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        size, index, time_base = (stream.width, stream.height), stream.index, stream.time_base
    pts = sorted(packet.pts or 0 for packet in packets)
    keyframes = [packet.pts or 0 for packet in packets if packet.is_keyframe]
    timeline = Timeline.of(pts, packets[-1].duration or 1, time_base or Fraction(1, 25))
    picture = Picture(*size, (1, 1), "bt709", "bt709", "bt709", False, False, False)
    cuts = cut_shards(pts, keyframes, longest=SHARD_FRAMES, at_least=shards)
    return Plan("benchmark", index, timeline, timeline, picture, cuts)


def ffmpeg(*words: str | Path) -> None:
    """Run ffmpeg to its end, and have it succeed."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-nostdin"]
    subprocess.run([*command, *map(str, words)], check=True)
