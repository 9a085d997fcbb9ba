"""`python -m tools.picture`: the README's picture, frames of a video above and painted below."""

import argparse
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av
from PIL import Image

from tools import demo

PICTURES = Path("docs/pictures")
MOMENTS = (Fraction(1, 6), Fraction(3, 6), Fraction(5, 6))
"""Which frames are shown, as parts of the video."""

TILE_WIDTH = 400
GAP = 4
QUALITY = 88


def main() -> int:
    """Paint a video and lay it beside its source; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.picture", description=__doc__)
    parser.add_argument("--video", type=Path, help="default: a clip that is made for you")
    parser.add_argument("--style", default=demo.DEFAULT_STYLE, help="default: %(default)s")
    arguments = parser.parse_args()
    picture = PICTURES / f"{arguments.style}.jpg"
    with tempfile.TemporaryDirectory() as folder:
        order = demo.Order.of(arguments.video, arguments.style, Path(folder) / "painted.mp4")
        demo.paint(order)
        sheet([frames(order.video), frames(order.out)]).save(picture, quality=QUALITY)
    print(picture)
    return 0


def frames(video: Path) -> list[Image.Image]:
    """Return the frames of a video at `MOMENTS`, `TILE_WIDTH` pixels wide, as they are stored."""
    with av.open(str(video)) as container:
        every = list(container.decode(container.streams.video[0]))
    chosen = [every[int(len(every) * moment)] for moment in MOMENTS]
    return [
        frame.to_image(width=TILE_WIDTH, height=TILE_WIDTH * frame.height // frame.width)
        for frame in chosen
    ]


def sheet(rows: list[list[Image.Image]]) -> Image.Image:
    """Lay rows of images of one size out on white."""
    width, height = (side + GAP for side in rows[0][0].size)
    canvas = Image.new("RGB", (width * len(rows[0]) - GAP, height * len(rows) - GAP), "white")
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            canvas.paste(image, (x * width, y * height))
    return canvas


if __name__ == "__main__":
    sys.exit(main())
