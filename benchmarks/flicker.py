"""How much the shipped styles flicker: the warping error of painted videos.

Warping error after Lai et al. 2018 ("Learning Blind Video Temporal Consistency"): the mean squared
difference, RGB in [0, 1], between a frame and the frame before it brought to the same place by
the optical flow of the *input* (DIS, Kroeger et al. 2016, preset medium, on luma), over the
pixels that flow forth and back finds again (Sundaram et al. 2010: squared distance under
0.01 of both squared lengths + 0.5). Every clip is scaled to a short side of 360 pixels; 30 frames,
a second in. Beside each style stand the input as it is, and the style's twin: a network of the
same size, start, painting and pictures, with instance norm and without the stability terms, learnt
for fewer steps (`benchmarks.twin` learns it).

    python -m benchmarks.flicker CLIP...
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks import report, twin
from gpu_worker.model import load_style
from gpu_worker.networks import Network
from tools.clip import make

FRAMES = 30
SKIPPED = 24
SHORT_SIDE = 360
INPUT = "identity"  # the style that changes nothing

type Picture = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Step:
    """What the input tells of two frames.

    Attributes:
        before: `(H, W, 2)`, where each pixel of the later frame was in the earlier: x, y.
        seen: `(H, W)`, whether it was in sight there.
    """

    before: Picture
    seen: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames `(H, W, 3)` float32 RGB in [0, 1], and the steps between them."""

    frames: Sequence[Picture]
    steps: Sequence[Step]


def main() -> None:
    """Measure all styles on all clips, show the table and keep it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flicker")
    parser.add_argument("clips", type=Path, nargs="*", help="videos (default: one made here)")
    files = parser.parse_args().clips
    painters = _painters()
    with tempfile.TemporaryDirectory() as folder:
        paths = files or [_made_clip(Path(folder))]
        errors = {path.stem: _measure(read_clip(path), painters) for path in paths}
    Console().print(_table(errors))
    report.keep("flicker", ("torch", "opencv-python-headless", "av"), {"warping_error": errors})


def read_clip(path: Path) -> Clip:
    """Read frames of a video, scaled, with their flow."""
    with av.open(str(path)) as container:
        decoded = container.decode(container.streams.best("video"))
        pixels = [_scaled(f.to_ndarray(format="rgb24")) for f in islice(decoded, SKIPPED + FRAMES)]
    kept = pixels[-FRAMES:]
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in kept]
    frames = [frame.astype(np.float32) / 255 for frame in kept]
    return Clip(frames, [_step(*pair) for pair in pairwise(greys)])


def paint(network: Network, frames: Sequence[Picture]) -> list[Picture]:
    """Paint frame by frame."""
    return [_paint(network, frame) for frame in frames]


def warping_error(frames: Sequence[Picture], steps: Sequence[Step]) -> float:
    """Mean squared difference to the warped frame before, over all pixels that were in sight."""
    squares = seen = 0.0
    for (earlier, later), step in zip(pairwise(frames), steps, strict=True):
        difference = (later - _sample(earlier, step.before))[step.seen]
        squares += float(np.square(difference, dtype=np.float64).sum())
        seen += difference.size
    return squares / seen


def _painters() -> dict[str, Network]:
    """Each style, and its twin where there is one; the style `identity` stands for the input."""
    painters: dict[str, Network] = {}
    for name, path in twin.styles().items():
        painters[name] = load_style(path).network
        if brother := twin.load(name):
            painters[f"{name} twin"] = brother
    return painters


def _measure(clip: Clip, painters: Mapping[str, Network]) -> dict[str, float]:
    return {
        name: warping_error(paint(network, clip.frames), clip.steps)
        for name, network in painters.items()
    }


def _table(errors: Mapping[str, Mapping[str, float]]) -> Table:
    """One row a clip: the input's error, then each painter's as a multiple of it."""
    names = [name for name in next(iter(errors.values())) if name != INPUT]
    table = Table("clip", "input, 1e-4", *names)
    for clip, row in errors.items():
        multiples = (f"{row[name] / row[INPUT]:.2f}" for name in names)
        table.add_row(clip, f"{1e4 * row[INPUT]:.2f}", *multiples)
    return table


def _made_clip(folder: Path) -> Path:
    path = folder / "balloon.mp4"
    make(path)
    return path


def _scaled(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    scale = SHORT_SIDE / min(height, width)
    size = (round(width * scale), round(height * scale))
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)


def _step(earlier: NDArray[np.uint8], later: NDArray[np.uint8]) -> Step:
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    back, forth = flow.calc(later, earlier, None), flow.calc(earlier, later, None)
    height, width = later.shape
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    before = np.stack([columns, rows], axis=-1).astype(np.float32) + back
    returned = _sample(forth, before)
    lengths = np.square(back).sum(axis=-1) + np.square(returned).sum(axis=-1)
    found = np.square(back + returned).sum(axis=-1) < 0.01 * lengths + 0.5
    inside = ((before >= 0) & (before <= (width - 1, height - 1))).all(axis=-1)
    return Step(before, found & inside)


def _sample(picture: Picture, places: Picture) -> Picture:
    return cv2.remap(picture, places[..., 0], places[..., 1], cv2.INTER_LINEAR)


def _paint(network: Network, frame: Picture) -> Picture:
    with torch.inference_mode():
        painted = network(torch.from_numpy(frame).permute(2, 0, 1)[None])[0]
    return painted.permute(1, 2, 0).contiguous().numpy()


if __name__ == "__main__":
    main()
