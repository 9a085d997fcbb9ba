"""`python -m tools.contact STYLE --painting FILE VIDEO...`: a style's contact sheet.

The painting, and beside it a frame of each video; below the frames, the same as painted.
"""

import argparse
import sys
from pathlib import Path

import torch
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor

from gpu_worker.learning.pictures import read_painting, write_sheet
from gpu_worker.model import load_style
from tools.picture import PICTURES, middle_frame

STYLES = Path("styles")
TILE = (225, 400)
PAINTING_SIDE = 600


def main() -> int:
    """Write `docs/pictures/styles/STYLE.jpg`; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.contact")
    parser.add_argument("style", help="name of a shipped style")
    parser.add_argument("videos", type=Path, nargs="+", metavar="VIDEO")
    parser.add_argument("--painting", type=Path, required=True)
    arguments = parser.parse_args()
    frames = [pil_to_tensor(middle_frame(video)) / 255 for video in arguments.videos]
    painted = paint(arguments.style, frames)
    painting = read_painting(arguments.painting, PAINTING_SIDE)
    sheet = PICTURES / "styles" / f"{arguments.style}.jpg"
    sheet.parent.mkdir(exist_ok=True)
    write_sheet(sheet, [[upper_half(painting), *frames], [lower_half(painting), *painted]], TILE)
    print(sheet)
    return 0


def paint(style: str, frames: list[Tensor]) -> list[Tensor]:
    """Paint `(3, H, W)` frames, RGB in [0, 1], with a shipped style."""
    network = load_style(STYLES / f"{style}.safetensors").network
    with torch.inference_mode():
        return [network(frame[None])[0] for frame in frames]


def upper_half(painting: Tensor) -> Tensor:
    """The upper half of a picture `(3, H, W)`."""
    return painting[:, : painting.shape[1] // 2]


def lower_half(painting: Tensor) -> Tensor:
    """The lower half of a picture `(3, H, W)`."""
    return painting[:, painting.shape[1] // 2 :]


if __name__ == "__main__":
    sys.exit(main())
