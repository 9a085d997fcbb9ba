"""How much the shipped styles flicker: the warping error of painted videos.

Warping error after Lai et al. 2018 ("Learning Blind Video Temporal Consistency"): the mean squared
difference, RGB in [0, 1], between a frame and the frame before it brought to the same place by
the optical flow of the *input* (DIS, Kroeger et al. 2016, preset medium, on luma), over the
pixels that flow forth and back finds again (Sundaram et al. 2010: squared distance under
0.01 of both squared lengths + 0.5). Every clip is scaled to a short side of 360 pixels; 30 frames,
a second in. A style's frames are steadied with their neighbours, as a job's are, and not coded.
Beside each style stand the input as it is, what its network paints ("alone"), and its twin: a
network of the same size, start, painting and pictures, with instance norm and without the
stability terms, learnt for fewer steps (`benchmarks.twin` learns it) and not steadied.

    python -m benchmarks.flicker [CLIP...]
"""

from __future__ import annotations

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

from benchmarks import report, twin
from gpu_worker.frames.motion import Watcher
from gpu_worker.frames.steady import Painting, averaged
from gpu_worker.networks.architectures import Network
from gpu_worker.plan import REACH
from gpu_worker.styles.model import load_style
from tools.clip import make

FRAMES = 30
SKIPPED = 24
SHORT_SIDE = 360
INPUT = "identity"  # the style that changes nothing
TWIN, ALONE = " twin", " alone"

type Picture = NDArray[np.float32]
type Pixels = NDArray[np.uint8]


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
    """Frames `(H, W, 3)` float32 RGB in [0, 1], and the steps between them.

    Attributes:
        frames: those that are measured, and `REACH` more on either side.
        steps: between those that are measured.
    """

    frames: Sequence[Picture]
    steps: Sequence[Step]


def main() -> None:
    """Measure all styles on all clips, show the table and keep it."""
    parser = report.options("benchmarks.flicker", __doc__)
    parser.add_argument("clips", type=Path, nargs="*", help="videos (default: one made here)")
    options = parser.parse_args()
    painters = _painters()
    with tempfile.TemporaryDirectory() as folder:
        paths: list[Path] = options.clips or [_made_clip(Path(folder))]
        errors = {path.stem: _measure(read_clip(path), painters) for path in paths}
    report.show(
        "Warping error, as a multiple of the input's", [_row(*each) for each in errors.items()]
    )
    packages = ("torch", "opencv-python-headless", "av")
    report.keep(options.results, "flicker", packages, {"warping_error": errors})


def read_clip(path: Path) -> Clip:
    """Read frames of a video, scaled, with their flow."""
    with av.open(str(path)) as container:
        decoded = container.decode(container.streams.video[0])
        wanted = FRAMES + 2 * REACH
        pixels = [_scaled(frame) for frame in islice(decoded, SKIPPED + wanted)][-wanted:]
    frames = [frame.astype(np.float32) / np.float32(255) for frame in pixels]
    return Clip(frames, [_step(*map(_grey, pair)) for pair in pairwise(_measured(pixels))])


def warping_error(frames: Sequence[Picture], steps: Sequence[Step]) -> float:
    """Mean squared difference to the warped frame before, over all pixels that were in sight."""
    squares = seen = 0.0
    for (earlier, later), step in zip(pairwise(frames), steps, strict=True):
        difference = (later - _sample(earlier, step.before))[step.seen]
        squares += float(np.square(difference, dtype=np.float64).sum())
        seen += difference.size
    return squares / seen


def steadied(painted: Sequence[Picture], frames: Sequence[Picture]) -> list[Picture]:
    """Average what was painted of frames with its neighbours; return those that are measured."""
    watcher = Watcher()
    paintings = [
        Painting([*np.ascontiguousarray(picture.transpose(2, 0, 1))], watcher.see(_grey(pixels)))
        for picture, pixels in zip(painted, map(_rounded, frames), strict=True)
    ]
    return [
        np.stack(
            averaged(
                paintings[at],
                paintings[at - REACH : at][::-1],
                paintings[at + 1 : at + 1 + REACH],
            ),
            axis=-1,
        )
        for at in _measured(range(len(paintings)))
    ]


def _measured[Item](items: Sequence[Item]) -> Sequence[Item]:
    return items[REACH : len(items) - REACH]


def _painters() -> dict[str, Network]:
    """Each style, and its twin where there is one; the style `identity` stands for the input."""
    painters: dict[str, Network] = {}
    for name, path in twin.styles().items():
        painters[name] = load_style(path).network
        if brother := twin.load(name):
            painters[name + TWIN] = brother
    return painters


def _measure(clip: Clip, painters: Mapping[str, Network]) -> dict[str, float]:
    """Return the warping error of the input, of each style, of its network alone, of its twin."""
    errors: dict[str, float] = {}
    for name, network in painters.items():
        painted = [_paint(network, frame) for frame in clip.frames]
        error = warping_error(_measured(painted), clip.steps)
        if name == INPUT or name.endswith(TWIN):
            errors[name] = error
        else:
            errors[name + ALONE] = error
            errors[name] = warping_error(steadied(painted, clip.frames), clip.steps)
    return errors


def _row(name: str, errors: Mapping[str, float]) -> dict[str, object]:
    """The input's error on a clip, then each painter's as a multiple of it."""
    multiples = {
        painter: round(error / errors[INPUT], 2)
        for painter, error in errors.items()
        if painter != INPUT
    }
    return {"clip": name, "input, 1e-4": round(1e4 * errors[INPUT], 2), **multiples}


def _made_clip(folder: Path) -> Path:
    path = folder / "balloon.mp4"
    make(path)
    return path


def _grey(pixels: Pixels) -> Pixels:
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)


def _rounded(picture: Picture) -> Pixels:
    return np.rint(picture * 255).astype(np.uint8)


def _scaled(frame: av.VideoFrame) -> Pixels:
    rgb = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    scale = SHORT_SIDE / min(frame.height, frame.width)
    size = (round(frame.width * scale), round(frame.height * scale))
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)


def _step(earlier: Pixels, later: Pixels) -> Step:
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    back, forth = flow.calc(later, earlier, None), flow.calc(earlier, later, None)
    height, width = later.shape
    columns, rows = np.meshgrid(
        np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    )
    before = np.stack([columns, rows], axis=-1) + back
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
