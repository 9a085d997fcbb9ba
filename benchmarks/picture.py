"""How far the styles go from a frame to their paintings, and how much of the frame is left.

    python -m benchmarks.picture --paintings FOLDER FRAMES... [--styles NAME...] [--optimum]

closed    1 - S(painted) / S(frame). S is how far a picture is from the painting: the mean over
          VGG-16's relu1_2, 2_2, 3_3 and 4_3 of |G - Gp|^2 / |Gp|^2, G the Gram matrix over
          positions (Gatys et al. 2016).
coarse    the same of all pictures at half their size: what strokes add up to.
layers    the four terms of S; one above the frame's own is a hatch or a grid.
legible   correlation of luminance with the frame's at an eighth of the size, in windows of 5x5.

Painting and frame are brought to the same short side, 256, 360 and 720 pixels in turn. Frames are
pictures, or the middle frames of videos. With --optimum the frame itself is optimised, from what it
is, for content (relu3_3 over its variance) + 40 S by Adam, which a network of one pass is to reach.
No number sees everything: look at `tools.contact`, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import cast

import torch
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor

from benchmarks import report
from benchmarks.twin import styles
from gpu_worker.hardware.precision import Precision
from gpu_worker.learning.pictures import PICTURE_SUFFIXES, read_painting, read_picture
from gpu_worker.learning.vgg import Vgg
from gpu_worker.networks.architectures import Network
from gpu_worker.styles.model import Style, load_style
from tools.critic import CPU, Critic, Look, sized
from tools.frames import middle_frame

SHORT_SIDES = (256, 360, 720)
OPTIMUM_STEPS = (10, 20, 50, 100, 300)


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


def _read(path: Path, short_side: int) -> Tensor:
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return read_picture(path, short_side)
    return pil_to_tensor(middle_frame(path)) / 255


def _paint(network: Network, frame: Tensor) -> Tensor:
    with torch.inference_mode():
        return network(frame).clamp(0, 1)


def _mean(looks: Sequence[Look]) -> dict[str, object]:
    return {
        "closed": round(fmean(look.closed for look in looks), 4),
        "worst": round(min(look.closed for look in looks), 4),
        "coarse": round(fmean(look.coarse for look in looks), 4),
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
        "coarse": row["coarse"],
        "layers": " ".join(f"{value:.3f}" for value in layers),
        "legible": row["legible"],
    }


if __name__ == "__main__":
    main()
