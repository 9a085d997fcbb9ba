"""`python -m tools.contact STYLE --painting FILE VIDEO...`: a style's contact sheet.

For each video two rows: the painting, the frame in the middle, and that frame optimised for the
style, which is as good as it gets; then the frame as the style paints it at 360, 720 and 1080
pixels, to see that strokes are as large in each.
"""

import argparse
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor

from gpu_worker.hardware.precision import Precision
from gpu_worker.learning.pictures import read_painting, write_sheet
from gpu_worker.learning.vgg import Vgg
from gpu_worker.networks.architectures import Network
from gpu_worker.styles.model import load_style
from tools.critic import CPU, Critic, sized
from tools.film import PICTURES
from tools.frames import middle_frame

STYLES = Path("styles")
TILE = (270, 480)
PAINTING_SIDE = 600
SHORT_SIDES = (360, 720, 1080)

_OPTIMUM_SIDE = 256


def main() -> int:
    """Write `docs/pictures/styles/STYLE.jpg`; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.contact", description=__doc__)
    parser.add_argument("style", help="name of a shipped style")
    parser.add_argument("videos", type=Path, nargs="+", metavar="VIDEO")
    parser.add_argument("--painting", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=100, help="of the optimum (%(default)s)")
    arguments = parser.parse_args()
    painting = read_painting(arguments.painting, PAINTING_SIDE)
    network = load_style(STYLES / f"{arguments.style}.safetensors").network
    critic = Critic(Vgg(CPU, Precision.choose(CPU).dtype), sized(painting, _OPTIMUM_SIDE))
    rows: list[list[Tensor]] = []
    for video in arguments.videos:
        frame = pil_to_tensor(middle_frame(video)) / 255
        optimum = next(critic.optimise(sized(frame, _OPTIMUM_SIDE), [arguments.steps]))[0]
        rows += [[painting, frame, optimum], [paint(network, frame, side) for side in SHORT_SIDES]]
    sheet = PICTURES / "styles" / f"{arguments.style}.jpg"
    sheet.parent.mkdir(exist_ok=True)
    write_sheet(sheet, rows, TILE)
    print(sheet)
    return 0


def paint(network: Network, frame: Tensor, short_side: int) -> Tensor:
    """Scale `(3, H, W)` RGB in [0, 1] to a short side, and paint it."""
    scale = short_side / min(frame.shape[1:])
    size = [round(side * scale) for side in frame.shape[1:]]
    scaled = F.interpolate(frame[None], size, mode="bilinear", antialias=True)
    with torch.inference_mode():
        return network(scaled)[0]


if __name__ == "__main__":
    sys.exit(main())
