"""Content comes from a folder of pictures or from a real video."""

from pathlib import Path

import ffmpeg
import imageio_ffmpeg
import pytest
from PIL import Image

from gpu_worker.errors import InputError
from gpu_worker.learning.content import PHOTOS, read_content


def make_video(path: Path) -> Path:
    source = ffmpeg.input("testsrc2=size=160x96:rate=25:duration=3", format="lavfi")
    source.output(str(path)).run(cmd=imageio_ffmpeg.get_ffmpeg_exe(), quiet=True)
    return path


def test_a_folder_gives_its_pictures_in_order(tmp_path: Path) -> None:
    for name, colour in (("b.jpg", "white"), ("a.PNG", "black"), ("notes.txt", None)):
        if colour:
            Image.new("RGB", (40, 30), colour).save(tmp_path / name)
        else:
            (tmp_path / name).write_text("not a picture")
    pictures = read_content([tmp_path]).pictures
    assert [round(picture.mean().item()) for picture in pictures] == [0, 1]


def test_a_video_gives_frames_and_those_after_them(tmp_path: Path) -> None:
    content = read_content([make_video(tmp_path / "clip with spaces.mp4")])
    assert [frame.shape for frame in content.pictures] == [(3, 96, 160)] * 7
    assert [pair.shape for pair in content.pairs] == [(6, 96, 160)] * 7
    assert (content.pictures[0] - content.pictures[-1]).abs().max() > 0.5
    changes = [(pair[:3] - pair[3:]).abs().mean() for pair in content.pairs]
    assert 0 < min(changes) <= max(changes) < 0.05


def test_photos_and_videos_go_together(tmp_path: Path) -> None:
    make_video(tmp_path / "clip.mp4")
    Image.new("RGB", (40, 30)).save(tmp_path / "photo.jpg")
    content = read_content([tmp_path, tmp_path / "photo.jpg"])
    assert (len(content.pictures), len(content.pairs)) == (9, 7)


def test_it_is_told_of_each_photo_of_the_project_where_it_is_from() -> None:
    told = (PHOTOS / "README.md").read_text()
    photos = sorted(PHOTOS.glob("*.jpg"))
    assert len(read_content([PHOTOS]).pictures) == len(photos)
    assert [photo.name for photo in photos if f"`{photo.name}` | " not in told] == []


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no folder, photo or video"):
        read_content([tmp_path / "lost"])


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no pictures"):
        read_content([tmp_path])


@pytest.mark.parametrize("content", [b"", b"a poem", b"#EXTM3U\n#EXTINF:1,\nsecret.mp4\n"])
def test_what_is_no_video_is_refused(tmp_path: Path, content: bytes) -> None:
    video = tmp_path / "poem.mp4"
    video.write_bytes(content)
    with pytest.raises(InputError, match=r"poem\.mp4 is not a video"):
        read_content([video])


def test_what_a_playlist_names_is_not_opened(tmp_path: Path) -> None:
    make_video(tmp_path / "secret.mp4")
    playlist = tmp_path / "list.mp4"
    playlist.write_text("ffconcat version 1.0\nfile secret.mp4\n")
    with pytest.raises(InputError, match=r"list\.mp4 is not a video"):
        read_content([playlist])
