from pathlib import Path

import av
from PIL import Image

from tools import clip, picture


def test_the_frame_in_the_middle_is_taken(tmp_path: Path) -> None:
    clip.make(video := tmp_path / "clip.mp4")
    with av.open(str(video)) as container:
        frames = list(container.decode(container.streams.video[0]))
    assert picture.middle_frame(video).tobytes() == frames[50].to_image().tobytes()


def test_a_sheet_has_a_place_for_each_tile() -> None:
    colours = [("red", "blue"), ("lime", "black")]
    sheet = picture.sheet(
        [(tile(above), tile(below)) for above, below in colours],
    )
    width, height = picture.TILE
    assert sheet.size == (2 * width + picture.GAP, 2 * height + picture.GAP)
    corners = [sheet.getpixel((x, y)) for y in (0, sheet.height - 1) for x in (0, sheet.width - 1)]
    assert corners == [(255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0)]
    assert sheet.getpixel((width, height)) == (255, 255, 255)


def tile(colour: str) -> Image.Image:
    return Image.new("RGB", picture.TILE, colour)
