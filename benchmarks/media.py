"""Clips to measure with, plans for them, and ffmpeg."""

from __future__ import annotations

import re
import subprocess
from argparse import ArgumentTypeError
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, Self

import av
import imageio_ffmpeg

from gpu_worker.plan import Encoding, Picture, Plan, Timeline, cut_shards
from tools import clip

SHARD_FRAMES = 100
"""Frames of a shard at most, as the function app plans them for 25 frames/s."""


class Size(NamedTuple):
    """Width and height of frames, in pixels."""

    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "640x360".

        Raises:
            ArgumentTypeError: it is no size, or one that the networks would have to pad.
        """
        sides = re.fullmatch(r"(\d+)x(\d+)", text)
        size = cls(*map(int, sides.groups())) if sides else None
        if not size or min(size) == 0 or size.width % 4 or size.height % 4:
            raise ArgumentTypeError(
                f"{text!r} is not a size like 640x360, its sides multiples of 4"
            )
        return size

    def __str__(self) -> str:
        """Write it as ffmpeg does."""
        return f"{self.width}x{self.height}"

    @property
    def pixels(self) -> int:
        """Of a frame."""
        return self.width * self.height

    @property
    def picture(self) -> Picture:
        """What a plan says of frames of this size: BT.709, progressive, square pixels."""
        return Picture(*self, (1, 1), "bt709", "bt709", "bt709", False, False, False)


def make_clip(file: Path, seconds: float, size: Size) -> None:
    """Write the demo's clip, repeated for so long and of that size, at 25 frames/s with sound."""
    once = file.with_name("once.mp4")
    if not once.exists():
        clip.make(once)
    scale = ("-vf", f"scale={size.width}:{size.height}")
    length = ("-t", str(seconds), "-c:v", "libx264", "-crf", "18", "-g", "50", "-c:a", "aac")
    ffmpeg("-stream_loop", "-1", "-i", once, *scale, *length, "-y", file)


def plan_of(video: Path, shards: int) -> Plan:
    """Plan the painting of an MP4 of constant frame rate, in at least so many shards."""
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        size, index, time_base = Size(stream.width, stream.height), stream.index, stream.time_base
    pts = sorted(packet.pts or 0 for packet in packets)
    keyframes = [packet.pts or 0 for packet in packets if packet.is_keyframe]
    timeline = Timeline.of(pts, packets[-1].duration or 1, time_base or Fraction(1, 25))
    cuts = cut_shards(pts, keyframes, longest=SHARD_FRAMES, at_least=shards)
    return Plan("benchmark", index, timeline, timeline, size.picture, cuts)


def raw_input(file: Path, size: Size) -> tuple[str | Path, ...]:
    """Tell ffmpeg to read frames of yuv420p, one after the other."""
    return "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", str(size), "-i", file


def x264(encoding: Encoding) -> tuple[str, ...]:
    """Tell ffmpeg how to encode by x264."""
    return "-c:v", "libx264", "-preset", encoding.preset, "-crf", str(encoding.crf)


def ffmpeg(*words: str | Path) -> None:
    """Run ffmpeg to its end, and have it succeed."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-nostdin"]
    subprocess.run([*command, *map(str, words)], check=True)
