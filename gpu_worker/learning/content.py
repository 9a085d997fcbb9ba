"""The pictures a style is practised on: photos and frames of videos, and those of the project."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import ffmpeg
import torch
from torch import Tensor

from gpu_worker.errors import InputError
from gpu_worker.frames.process import running
from gpu_worker.learning.pictures import PICTURE_SUFFIXES, read_picture

FRAMES_MAX = 120
SHORT_SIDE = 384

PHOTOS = Path(__file__).parent / "photos"
"""Photos of all kinds: a style that has practised on one video alone is good for that alone."""

_PERIOD = 12  # frames from one pair to the next
_VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mpg", ".ogv"})

# Never larger; -2 is in proportion, and even.
_SCALE = {
    "w": f"if(gt(iw,ih),-2,min(iw,{SHORT_SIDE}))",
    "h": f"if(gt(iw,ih),min(ih,{SHORT_SIDE}),-2)",
    "flags": "area",
}

# Demuxers of one file each: a playlist, which would name other files, is not among them.
_FORMATS = "mov,matroska,avi,mpegts,mpeg,ogg"


@dataclass(frozen=True, slots=True)
class Content:
    """What to practise on; every picture `(3, H, W)` float RGB in [0, 1], as large as it came.

    Attributes:
        pictures: photos, and one frame of each pair.
        pairs: `(6, H, W)`, a frame of a video and the one after it.
    """

    pictures: Sequence[Tensor]
    pairs: Sequence[Tensor] = ()


def read_content(sources: Sequence[Path]) -> Content:
    """Read photos and videos, or folders of them, scaled down to a short side of `SHORT_SIDE`.

    Raises:
        InputError: there is nothing at a source, or nothing in it that can be shown.
    """
    pictures: list[Tensor] = []
    pairs: list[Tensor] = []
    for path in [file for source in sources for file in _files(source)]:
        if path.suffix.lower() in PICTURE_SUFFIXES:
            pictures.append(read_picture(path, SHORT_SIDE))
        else:
            pairs += _read_pairs(path)
    return Content([*pictures, *(pair[:3] for pair in pairs)], pairs)


def _files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise InputError(f"There is no folder, photo or video {source}.")
    shown = PICTURE_SUFFIXES | _VIDEO_SUFFIXES
    files = sorted(path for path in source.iterdir() if path.suffix.lower() in shown)
    if not files:
        raise InputError(f"There are no pictures in {source.name}; give some photos or a video.")
    return files


def _read_pairs(video: Path) -> list[Tensor]:
    with tempfile.TemporaryDirectory() as folder:
        _extract_frames(video, Path(folder))
        frames = [read_picture(path, SHORT_SIDE) for path in sorted(Path(folder).iterdir())]
    # The last frame of a video may be left without one after it.
    return [torch.cat(pair) for pair in zip(frames[::2], frames[1::2], strict=False)]


def _extract_frames(video: Path, folder: Path) -> None:
    """Write every `_PERIOD`th frame and the one after it, at most `FRAMES_MAX`, as PNG."""
    source = ffmpeg.input(str(video), protocol_whitelist="file", format_whitelist=_FORMATS)
    pairs = source.filter("select", f"lt(mod(n,{_PERIOD}),2)")
    # Numbered anew, for a video may show two frames at one time.
    small = pairs.filter("setpts", "N/TB").filter("scale", **_SCALE)
    frames = small.output(
        str(folder / "%05d.png"), fps_mode="passthrough", **{"frames:v": FRAMES_MAX}
    )
    with running(frames) as child:
        if child.finish() != 0:
            raise InputError(f"{video.name} is not a video that can be decoded.")
