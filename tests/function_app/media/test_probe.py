"""What is refused as no video, and in which words."""

import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest

from function_app.errors import InputError
from function_app.media.probe import find_video, open_video, seeks_exactly
from function_app.settings import Settings
from tests.function_app.clips import PLAYLISTS, Clips
from tests.function_app.reading import probe

OTHER_STILLS = {
    "picture.heic": b"\x00\x00\x00\x24ftypheic" + bytes(32),
    "picture.avif": b"\x00\x00\x00\x20ftypavif" + bytes(32),
}


@contextmanager
def trap(file: Path) -> Generator[Event]:
    """Make a named pipe at `file`, and an event that tells whether anybody opened it."""
    os.mkfifo(file)
    was_opened, ended = Event(), Event()

    def wait_for_reader() -> None:
        with file.open("wb"):
            if not ended.is_set():
                was_opened.set()

    waiting = Thread(target=wait_for_reader)
    waiting.start()
    try:
        yield was_opened
    finally:
        ended.set()
        reader = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
        waiting.join()
        os.close(reader)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("empty.mp4", "empty.mp4 is empty: upload a whole one"),
        ("text.mp4", "text.mp4 is text, not a video: upload a video"),
        ("audio.mp4", "audio.mp4 holds no video, only sound or pictures: upload a video"),
        ("cover.mp4", "cover.mp4 holds no video, only sound or pictures: upload a video"),
        *(
            (f"picture.{kind}", f"picture.{kind} is a still image, not a video: upload a video")
            for kind in ("png", "jpg", "gif", "bmp", "tiff", "webp")
        ),
    ],
)
def test_what_is_no_video_is_refused_in_a_sentence(
    clips: Clips, limits: Settings, name: str, sentence: str
) -> None:
    with pytest.raises(InputError) as refusal:
        probe(clips[name], limits)
    assert str(refusal.value) == sentence


@pytest.mark.parametrize("name", OTHER_STILLS)
def test_a_still_image_of_a_phone_is_refused(tmp_path: Path, limits: Settings, name: str) -> None:
    (file := tmp_path / name).write_bytes(OTHER_STILLS[name])
    with pytest.raises(InputError, match="is a still image, not a video"):
        probe(file, limits)


def test_bytes_without_meaning_are_refused(tmp_path: Path, limits: Settings) -> None:
    (file := tmp_path / "noise.mp4").write_bytes(bytes(range(256)) * 64)
    with pytest.raises(InputError, match="is not a video in a format that can be read: convert"):
        probe(file, limits)


def test_a_video_in_another_format_is_refused(clips: Clips, limits: Settings) -> None:
    with pytest.raises(InputError, match=r"plain\.nut is not a video in a format that can be read"):
        probe(clips["plain.nut"], limits)


def test_an_mp4_without_its_index_is_refused(
    clips: Clips, tmp_path: Path, limits: Settings
) -> None:
    whole = clips["plain.mp4"].read_bytes()
    (file := tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut\.mp4 is cut short or damaged, for its index"):
        probe(file, limits)


@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_playlist_is_refused_and_the_file_that_it_names_not_opened(
    tmp_path: Path, limits: Settings, name: str
) -> None:
    with trap(tmp_path / "named.mp4") as was_opened:
        (file := tmp_path / name).write_text(PLAYLISTS[name].format(target="named.mp4"))
        with pytest.raises(InputError, match=r"is (a playlist|text), not a video: upload "):
            probe(file, limits)
    assert not was_opened.is_set()


@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_playlist_is_refused_and_the_server_that_it_names_not_asked(
    tmp_path: Path, limits: Settings, name: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = f"http://127.0.0.1:{server.getsockname()[1]}/named.mp4"
        (file := tmp_path / name).write_text(PLAYLISTS[name].format(target=target))
        with pytest.raises(InputError, match="not a video"):
            probe(file, limits)
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize(
    ("limit", "value", "sentence"),
    [
        ("max_pixels", 64 * 48 - 1, r"has frames of 64x48 pixels, more than the limit of .*: sca"),
        ("max_minutes", 1 / 60, r"is 0\.0 minutes long; the limit is .* minutes and .*: cut it"),
        ("max_frames", 47, r"has 48 frames; the limit is .* minutes and 47 frames: cut it"),
    ],
)
def test_a_video_over_a_limit_is_refused(
    clips: Clips, limits: Settings, limit: str, value: float, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        probe(clips["plain.mp4"], replace(limits, **{limit: value}))


def test_a_video_at_its_limits_is_accepted(clips: Clips, limits: Settings) -> None:
    exact = replace(limits, max_pixels=64 * 48, max_minutes=2.1 / 60, max_frames=48)
    index, _ = probe(clips["plain.mp4"], exact)
    assert len(index.pts) == 48


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain.mp4", True),
        ("ntsc.mov", True),
        ("vfr.mkv", True),
        ("vp8.webm", True),
        ("plain.ts", False),
        ("plain.avi", False),
        ("mpeg2.mpg", False),
        ("mpeg4.mp4", False),
    ],
)
def test_seeking_is_trusted_where_it_is_exact(clips: Clips, name: str, expected: bool) -> None:
    with clips[name].open("rb") as content, open_video(content, name) as container:
        assert seeks_exactly(container, find_video(container, name)) is expected
