"""The pictures a style is practised on: a folder of photos, or frames of a video."""

import tempfile
from pathlib import Path

import ffmpeg
from torch import Tensor

from gpu_worker.errors import InputError
from gpu_worker.learning.pictures import PICTURE_SUFFIXES, read_picture
from gpu_worker.process import running

FRAMES_MAX = 240
SHORT_SIDE = 384

# Demuxers of one file each: a playlist, which would name other files, is not among them.
_FORMATS = "mov,matroska,avi,mpegts,mpeg,ogg"


def read_content(source: Path) -> list[Tensor]:
    """Read photos or frames, `(3, H, W)` float RGB in [0, 1], scaled down to `SHORT_SIDE`.

    Raises:
        InputError: there is nothing at `source`, or nothing in it that can be shown.
    """
    if source.is_dir():
        return _read_folder(source)
    if not source.is_file():
        raise InputError(f"There is no folder or video {source}.")
    with tempfile.TemporaryDirectory() as folder:
        _extract_frames(source, Path(folder))
        return _read_folder(Path(folder))


def _read_folder(folder: Path) -> list[Tensor]:
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES)
    if not paths:
        raise InputError(f"There are no pictures in {folder.name}; give some JPEGs or PNGs.")
    return [read_picture(path, SHORT_SIDE) for path in paths]


def _extract_frames(video: Path, folder: Path) -> None:
    """Write two frames a second, at most `FRAMES_MAX`, as PNG."""
    source = ffmpeg.input(str(video), protocol_whitelist="file", format_whitelist=_FORMATS)
    pictures = str(folder / "%05d.png")
    frames = source.filter("fps", 2).output(pictures, **{"frames:v": FRAMES_MAX})
    with running(frames) as child:
        if child.finish() != 0:
            raise InputError(f"{video.name} is not a video that can be decoded.")
