"""The proxy: a video as it was, small and in H.264, where browsers do not play the source itself.

It is made of the frames that are decoded to be painted, shard by shard: what it costs is the
encoding of a small picture, and only where the plan wants it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

from gpu_worker.files import write_shard_file
from gpu_worker.frames.encode import encoder
from gpu_worker.frames.frame import Frame
from gpu_worker.frames.process import running
from gpu_worker.plan import Plan, Shard

LONGEST_SIDE: Final = 960
"""Pixels."""
_CODEC: Final[dict[str, object]] = {
    "vcodec": "libx264",
    "preset": "ultrafast",
    "crf": 26,
    "g": 48,  # so that a browser goes anywhere quickly
    "threads": 1,
}


def size_of(width: int, height: int) -> tuple[int, int]:
    """Return the even width and height of the proxy of a picture of that many pixels."""
    factor = min(1.0, LONGEST_SIDE / max(width, height))
    return _even(width * factor), _even(height * factor)


def write_proxy(frames: Iterable[Frame], plan: Plan, shard: Shard, folder: Path) -> Iterator[Frame]:
    """Pass the frames of a shard on, and write them small; there once the last is asked for.

    Args:
        frames: of the shard as they were, in order, and those that come along with them.
        plan: how to tag them.
        shard: one of the plan's.
        folder: where finished shards are.

    Raises:
        ToolError: the encoder failed.
    """
    size = size_of(*plan.picture.padded_size)
    # A file without a name: nothing is left behind, not even by a rank that is killed.
    with TemporaryFile() as file:
        with running(encoder(plan, file.fileno(), size, _CODEC), [file.fileno()]) as child:
            for frame in frames:
                if frame.is_of_shard:
                    child.write(frame.planes)
                yield frame
            child.succeed()
        file.seek(0)
        write_shard_file(folder / shard.proxy_name, file.read(), plan, shard)


def _even(pixels: float) -> int:
    return max(2, 2 * round(pixels / 2))
