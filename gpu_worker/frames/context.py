"""Frames of a shard together with some before and after it, which belong to its neighbours."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from gpu_worker.frames.decode import frames
from gpu_worker.frames.frame import Frame
from gpu_worker.plan import Plan, Shard


def frames_around(
    video: Path, plan: Plan, shard: Shard, threads: int, *, before: int = 0, after: int = 0
) -> Generator[Frame]:
    """Yield a shard's frames, and as many before and after it as are asked for and there are.

    Raises:
        InputError: nothing of it can be decoded.
        ToolError: the decoder was killed.
    """
    first, last = max(0, shard.first - before), min(plan.frame_count, shard.last + after)
    longer = replace(shard, first=first, last=last)
    with closing(frames(video, plan, longer, threads)) as decoded:
        for frame in decoded:
            yield replace(frame, shard=shard)
