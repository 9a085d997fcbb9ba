"""How far the styles go from a frame to their paintings, and how much of the frame is left.

    python -m benchmarks.picture --paintings FOLDER FRAMES... [--styles NAME...] [--optimum]

closed    1 - S(painted) / S(frame). S is how far a picture is from the painting: the mean over
          VGG-16's relu1_2, 2_2, 3_3 and 4_3 of |G - Gp|^2 / |Gp|^2, G the Gram matrix over
          positions (Gatys et al. 2016).
layers    the four terms of S; one above the frame's own is a hatch or a grid.
legible   correlation of luminance with the frame's at an eighth of the size, in windows of 5x5.

Painting and frame are brought to the same short side, 256, 360 and 720 pixels in turn. Frames are
pictures, or the middle frames of videos. With --optimum the frame itself is optimised, from what it
is, for content (relu3_3 over its variance) + 40 S by Adam, which a network of one pass is to reach.
No number sees everything: look at `tools.contact`, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor

from benchmarks import report
from benchmarks.twin import styles
from gpu_worker.hardware.precision import Precision
from gpu_worker.learning.pictures import PICTURE_SUFFIXES, read_painting, read_picture
from gpu_worker.learning.vgg import LAYERS, Vgg, gram, style_distances
from gpu_worker.networks.architectures import Network
from gpu_worker.styles.model import Style, load_style
from tools.picture import middle_frame

SHORT_SIDES = (256, 360, 720)
OPTIMUM_STEPS = (10, 20, 50, 100, 300)
CPU = torch.device("cpu")

_EIGHTH = 8
_WINDOW = 5
_STYLE_WEIGHT = 40.0
_LEARNING_RATE = 0.02
_LUMA = (0.299, 0.587, 0.114)  # BT.601
_CONTENT = LAYERS.index("relu3_3")


@dataclass(frozen=True, slots=True)
class Look:
    """How a painted frame looks to VGG-16.

    Attributes:
        closed: share of the way to the painting, at most 1; below 0 it is farther than the frame.
        layers: how far it is from the painting, by layer.
        frame_layers: how far the frame was.
        legible: from -1 to 1.
    """

    closed: float
    layers: tuple[float, ...]
    frame_layers: tuple[float, ...]
    legible: float


class Critic:
    """Looks at frames beside one painting, both `(1, 3, H, W)` RGB in [0, 1]."""

    def __init__(self, vgg: Vgg, painting: Tensor) -> None:
        """Look at the painting."""
        self._vgg = vgg
        with torch.no_grad():
            self._wanted = [gram(seen) for seen in vgg(painting)]

    def look(self, frame: Tensor, painted: Tensor) -> Look:
        """Compare a frame before and after it was painted."""
        with torch.no_grad():
            ours, theirs = (self._distances(rgb) for rgb in (painted, frame))
        return Look(
            closed=1 - float(ours.sum() / theirs.sum()),
            layers=_floats(ours),
            frame_layers=_floats(theirs),
            legible=legible(frame, painted),
        )

    def optimise(self, frame: Tensor, steps: Sequence[int]) -> Iterator[Tensor]:
        """Yield the frame optimised for so many steps, rising."""
        still = frame.clone().requires_grad_()
        optimiser = torch.optim.Adam([still], _LEARNING_RATE)
        with torch.no_grad():
            shown = self._vgg(frame, LAYERS[_CONTENT])[_CONTENT].float()
        for step in range(1, max(steps) + 1):
            seen = self._vgg(still)
            content = (seen[_CONTENT].float() - shown).square().mean() / shown.var()
            loss = content + _STYLE_WEIGHT * style_distances(seen, self._wanted).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            with torch.no_grad():
                still.clamp_(0, 1)
            if step in steps:
                yield still.detach().clone()

    def _distances(self, rgb: Tensor) -> Tensor:
        return style_distances(self._vgg(rgb), self._wanted)[:, 0]


def legible(frame: Tensor, painted: Tensor) -> float:
    """Mean local correlation of luminance of two `(1, 3, H, W)` pictures, at an eighth."""
    weights = torch.tensor(_LUMA).view(1, 3, 1, 1)
    first, second = (
        F.avg_pool2d((rgb * weights).sum(1, keepdim=True), _EIGHTH) for rgb in (frame, painted)
    )
    variances = (_near(first**2) - _near(first) ** 2) * (_near(second**2) - _near(second) ** 2)
    covariance = _near(first * second) - _near(first) * _near(second)
    return float((covariance / variances.clamp_min(1e-8).sqrt()).mean())


def main() -> None:
    """Paint and look, show the table and keep it."""
    parser = report.options("benchmarks.picture", __doc__)
    parser.add_argument("frames", type=Path, nargs="+", help="pictures and videos")
    parser.add_argument(
        "--paintings",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="where the pictures are that the styles' metadata name",
    )
    parser.add_argument("--styles", nargs="+", choices=styles(), help="default: all shipped")
    parser.add_argument("--short-sides", type=int, nargs="+", default=SHORT_SIDES)
    parser.add_argument("--optimum", type=int, nargs="*", metavar="STEPS", help="optimise, too")
    options = parser.parse_args()
    vgg = Vgg(CPU, Precision.choose(CPU).dtype)
    steps = OPTIMUM_STEPS if options.optimum == [] else options.optimum or ()
    rows = [
        row
        for style in _chosen(options.styles).values()
        for row in measure(
            style, options.paintings, options.frames, options.short_sides, vgg, steps
        )
    ]
    report.keep(options.results, "picture", ("torch",), {"rows": rows})
    report.show("From the frame to the painting", [_shown(row) for row in rows])


def measure(
    style: Style,
    paintings: Path,
    frames: Sequence[Path],
    short_sides: Sequence[int],
    vgg: Vgg,
    steps: Sequence[int],
) -> Iterator[dict[str, object]]:
    """Look at each frame at each size as the style paints it, and as it is optimised."""
    for side in short_sides:
        painting = sized(read_painting(paintings / style.metadata["painting"], 4 * side), side)
        critic = Critic(vgg, painting)
        before = {path: sized(_read(path, 4 * side), side) for path in frames}
        looks = [critic.look(frame, _paint(style.network, frame)) for frame in before.values()]
        common: dict[str, object] = {"painting": style.metadata["painting"], "short_side": side}
        yield (
            common
            | {"by": "style"}
            | _mean(looks)
            | {
                "frames": {
                    path.name: asdict(look) for path, look in zip(frames, looks, strict=True)
                }
            }
        )
        if steps:
            optimised = [list(critic.optimise(frame, steps)) for frame in before.values()]
            for count, stills in zip(sorted(steps), zip(*optimised, strict=True), strict=True):
                pairs = zip(before.values(), stills, strict=True)
                mean = _mean([critic.look(frame, still) for frame, still in pairs])
                yield common | {"by": f"{count} steps"} | mean


def _chosen(names: Sequence[str] | None) -> Mapping[str, Style]:
    """Styles that were learnt from a painting, of those that are named."""
    loaded = {name: load_style(path) for name, path in styles().items()}
    return {
        name: style
        for name, style in loaded.items()
        if style.metadata["painting"] and (not names or name in names)
    }


def _floats(numbers: Tensor) -> tuple[float, ...]:
    return tuple(float(number) for number in numbers)


def _near(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, _WINDOW, 1, _WINDOW // 2)


def _read(path: Path, short_side: int) -> Tensor:
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return read_picture(path, short_side)
    return pil_to_tensor(middle_frame(path)) / 255


def sized(rgb: Tensor, short_side: int) -> Tensor:
    """Scale to a short side, and both sides to multiples of what the coarsest layer needs."""
    scale = short_side / min(rgb.shape[1:])
    size = [round(side * scale / _EIGHTH) * _EIGHTH for side in rgb.shape[1:]]
    return F.interpolate(rgb[None], size, mode="bilinear", antialias=True).clamp(0, 1)


def _paint(network: Network, frame: Tensor) -> Tensor:
    with torch.inference_mode():
        return network(frame).clamp(0, 1)


def _mean(looks: Sequence[Look]) -> dict[str, object]:
    return {
        "closed": round(fmean(look.closed for look in looks), 4),
        "worst": round(min(look.closed for look in looks), 4),
        "layers": [
            round(fmean(values), 4) for values in zip(*(look.layers for look in looks), strict=True)
        ],
        "legible": round(fmean(look.legible for look in looks), 4),
    }


def _shown(row: Mapping[str, object]) -> dict[str, object]:
    layers = cast("list[float]", row["layers"])
    return {
        "painting": row["painting"],
        "short_side": row["short_side"],
        "by": row["by"],
        "closed": row["closed"],
        "worst": row["worst"],
        "layers": " ".join(f"{value:.3f}" for value in layers),
        "legible": row["legible"],
    }


if __name__ == "__main__":
    main()
