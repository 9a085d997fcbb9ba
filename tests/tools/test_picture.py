from pathlib import Path

from PIL import Image

from tools import clip, picture


def test_frames_are_taken_through_the_whole_video(tmp_path: Path) -> None:
    clip.make(video := tmp_path / "clip.mp4")
    frames = picture.frames(video)
    assert [frame.size for frame in frames] == [(400, 225)] * len(picture.MOMENTS)
    assert len({frame.tobytes() for frame in frames}) == len(picture.MOMENTS)


def test_a_sheet_has_a_place_for_each_image() -> None:
    colours = [["red", "lime"], ["blue", "black"]]
    sheet = picture.sheet([[Image.new("RGB", (20, 10), each) for each in row] for row in colours])
    assert sheet.size == (20 + picture.GAP + 20, 10 + picture.GAP + 10)
    corners = [sheet.getpixel((x, y)) for y in (0, sheet.height - 1) for x in (0, sheet.width - 1)]
    assert corners == [(255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0)]
    assert sheet.getpixel((21, 0)) == (255, 255, 255)
