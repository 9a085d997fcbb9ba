from pathlib import Path

import av
import pytest
from PIL import Image, ImageSequence

from tools import clip, film


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("video") / "clip.mp4"
    clip.make(file)
    return file


def shown(video: Path, number: int) -> bytes:
    with av.open(str(video)) as container:
        return list(container.decode(container.streams.video[0]))[number].to_image().tobytes()


def test_the_frame_in_the_middle_is_taken(video: Path) -> None:
    assert film.middle_frame(video).tobytes() == shown(video, 50)


def test_frames_are_those_that_a_player_shows(video: Path) -> None:
    """Of 25 a second: the one before or at each time, and the last after the end."""
    times = {0.0: 0, 0.039: 0, 0.05: 1, 1.0: 25, 1.001: 25, 9.0: clip.SECONDS * clip.RATE - 1}
    frames = [frame.tobytes() for frame in film.frames_at(video, list(times))]
    assert frames == [shown(video, number) for number in times.values()]


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
