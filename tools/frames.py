"""Frames of videos, as pictures."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
from PIL import Image


def middle_frame(video: Path) -> Image.Image:
    """Return the frame in the middle of a video, as it is stored."""
    with av.open(str(video)) as container:
        frames = list(container.decode(container.streams.video[0]))
    pixels = frames[len(frames) // 2].to_ndarray(format="rgb24")
    return Image.fromarray(pixels)


def frames_at(video: Path, times: Sequence[float]) -> Iterator[Image.Image]:
    """Yield what a player of a video shows at each time, in seconds, rising; at last its end."""
    with av.open(str(video)) as container:
        decoded = container.decode(container.streams.video[0])
        frame = following = next(decoded)
        for time in times:
            while following is not None and (following.time or 0) <= time:
                frame, following = following, next(decoded, None)
            yield frame.to_image()
