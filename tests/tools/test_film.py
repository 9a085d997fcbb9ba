from pathlib import Path

from PIL import Image, ImageSequence

from tools import film


def test_a_sheet_has_a_place_for_each_tile() -> None:
    colours = [("red", "blue"), ("lime", "black")]
    sheet = film.sheet([(tile(above), tile(below)) for above, below in colours])
    width, height = film.TILE
    assert sheet.size == (2 * width + film.GAP, 2 * height + film.GAP)
    corners = [sheet.getpixel((x, y)) for y in (0, sheet.height - 1) for x in (0, sheet.width - 1)]
    assert corners == [(255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0)]
    assert sheet.getpixel((width, height)) == (255, 255, 255)


def test_a_film_plays_all_frames_without_end(tmp_path: Path) -> None:
    film.write(file := tmp_path / "film.webp", [tile("red"), tile("blue"), tile("lime")])
    with Image.open(file) as written:
        assert written.info["loop"] == 0
        played = [
            (each.load(), written.info["duration"]) for each in ImageSequence.Iterator(written)
        ]
    assert [duration for _, duration in played] == 3 * [1000 // film.RATE]


def tile(colour: str) -> Image.Image:
    return Image.new("RGB", film.TILE, colour)
