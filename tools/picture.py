"""`python -m tools.picture [VIDEO...]`: frames of videos above, and as they are painted below."""

import argparse
import sys
import tempfile
from pathlib import Path

import av
from PIL import Image, ImageOps

from tools import demo

PICTURES = Path("docs/pictures")
TILE = (480, 270)
GAP = 4
QUALITY = 80


def main() -> int:
    """Paint videos and lay them beside their sources; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.picture", description=__doc__)
    parser.add_argument("videos", type=Path, nargs="*", metavar="VIDEO", help="default: a clip")
    parser.add_argument("--style", default=demo.DEFAULT_STYLE, help="default: %(default)s")
    arguments = parser.parse_args()
    picture = PICTURES / f"{arguments.style}.jpg"
    columns = [before_and_after(video, arguments.style) for video in arguments.videos or [None]]
    sheet(columns).save(picture, quality=QUALITY)
    print(picture)
    return 0


def before_and_after(video: Path | None, style: str) -> tuple[Image.Image, Image.Image]:
    """Return the frame in the middle of a video as it is and as it is painted."""
    with tempfile.TemporaryDirectory() as folder:
        order = demo.Order.of(video, style, Path(folder))
        demo.paint(order)
        before, after = middle_frame(order.video), middle_frame(order.out)
        return ImageOps.fit(before, TILE), ImageOps.fit(after, TILE)


def middle_frame(video: Path) -> Image.Image:
    """Return the frame in the middle of a video, as it is stored."""
    with av.open(str(video)) as container:
        frames = list(container.decode(container.streams.video[0]))
    pixels = frames[len(frames) // 2].to_ndarray(format="rgb24")
    return Image.fromarray(pixels)


def sheet(columns: list[tuple[Image.Image, Image.Image]]) -> Image.Image:
    """Lay columns of tiles out on white."""
    width, height = (side + GAP for side in TILE)
    canvas = Image.new("RGB", (width * len(columns) - GAP, height * 2 - GAP), "white")
    for x, column in enumerate(columns):
        for y, tile in enumerate(column):
            canvas.paste(tile, (x * width, y * height))
    return canvas


if __name__ == "__main__":
    sys.exit(main())
