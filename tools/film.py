"""`python -m tools.film [VIDEO...]`: a film of videos above, and of what became of them below.

Each is painted in another style, by the function app in the emulator. Writes
`docs/pictures/film.webp`, which browsers play.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

from PIL import Image, ImageOps

from emulator.signals import end_as_interrupts
from tools import demo
from tools.frames import frames_at

PICTURES = Path("docs/pictures")
STYLES = ("starry_night", "scream", "great_wave", "composition_vii")
TILE = (320, 180)
GAP = 4
QUALITY = 60
RATE = 12
"""Frames a second."""
SECONDS = 2


def main() -> int:
    """Paint videos and lay them below their sources; return the exit status."""
    end_as_interrupts()
    parser = argparse.ArgumentParser(prog="python -m tools.film", description=__doc__)
    parser.add_argument("videos", type=Path, nargs="*", metavar="VIDEO", help="default: a clip")
    videos: list[Path] = parser.parse_args().videos
    columns = [
        before_and_after(video, style)
        for video, style in zip(videos or [None], cycle(STYLES), strict=False)
    ]
    film = PICTURES / "film.webp"
    write(film, [sheet(tiles) for tiles in zip(*columns, strict=True)])
    print(film)
    return 0


def before_and_after(video: Path | None, style: str) -> list[tuple[Image.Image, Image.Image]]:
    """Return each of a film's frames as it is in a video and as it is painted."""
    with tempfile.TemporaryDirectory() as folder:
        order = demo.Order.of(video, style, Path(folder))
        demo.paint(order)
        return list(zip(_tiles(order.video), _tiles(order.out), strict=True))


def sheet(columns: Sequence[tuple[Image.Image, Image.Image]]) -> Image.Image:
    """Lay columns of tiles out on white."""
    width, height = (side + GAP for side in TILE)
    canvas = Image.new("RGB", (width * len(columns) - GAP, height * 2 - GAP), "white")
    for x, column in enumerate(columns):
        for y, tile in enumerate(column):
            canvas.paste(tile, (x * width, y * height))
    return canvas


def write(film: Path, frames: Sequence[Image.Image]) -> None:
    """Write frames as WebP that plays without end."""
    first, *others = frames
    first.save(
        film,
        save_all=True,
        append_images=others,
        duration=1000 // RATE,
        loop=0,
        quality=QUALITY,
        method=6,
    )


def _tiles(video: Path) -> list[Image.Image]:
    """Cut a film's frames of a video to size."""
    times = [number / RATE for number in range(SECONDS * RATE)]
    return [ImageOps.fit(frame, TILE) for frame in frames_at(video, times)]


if __name__ == "__main__":
    sys.exit(main())
