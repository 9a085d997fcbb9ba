"""What is refused as no video, in which words, and what is read off a video's frames."""

import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest

from function_app.errors import InputError
from function_app.probe import (
    FrameIndex,
    check_limits,
    find_video,
    open_video,
    picture_of,
    seeks_exactly,
)
from function_app.settings import Settings, settings
from gpu_worker.plan import Picture
from tests.function_app.media import PLAYLISTS, Clips, frames_of

OTHER_STILLS = {
    "picture.heic": b"\x00\x00\x00\x24ftypheic" + bytes(32),
    "picture.avif": b"\x00\x00\x00\x20ftypavif" + bytes(32),
}


@pytest.fixture
def limits() -> Settings:
    return settings()


def probe(file: Path, limits: Settings) -> tuple[FrameIndex, Picture]:
    """Read a whole file as preprocessing does."""
    with file.open("rb") as content, open_video(content, file.name) as container:
        stream = find_video(container, file.name)
        check_limits(container, stream, file.name, limits)
        index = FrameIndex(stream, file.name, limits)
        for packet in container.demux(stream):
            index.add(packet)
        index.flush()
        return index, picture_of(index.first_frame(), stream)


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
        ("empty.mp4", "empty.mp4 is empty: upload it again"),
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
    with pytest.raises(InputError, match=r"cut\.mp4 is cut short or damaged \(its index"):
        probe(file, limits)


def test_an_mp4_without_its_last_frames_is_refused(
    clips: Clips, tmp_path: Path, limits: Settings
) -> None:
    whole = clips["fast_start.mp4"].read_bytes()
    (file := tmp_path / "cut.mp4").write_bytes(whole[:-8000])
    with pytest.raises(InputError, match=r"cut short: \d+ of its 48 frames are there: upload"):
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


def test_a_video_whose_header_counts_no_frames_is_refused_at_the_limit(
    clips: Clips, limits: Settings
) -> None:
    with pytest.raises(InputError, match="has 48 frames or more; the limit is"):
        probe(clips["vfr.mkv"], replace(limits, max_frames=47))


@pytest.mark.parametrize(
    "name",
    [
        "plain.mp4", "one_keyframe.mp4", "one_frame.mp4", "three_frames.mp4", "vfr.mp4", "vfr.mkv",
        "ntsc.mov", "fragmented.mp4", "odd.webm", "vp8.webm", "rotated.mp4", "offset.mp4",
        "offset.mkv", "plain.ts", "plain.avi", "mpeg4.mp4", "mpeg2.mpg", "gaps.avi", "cut.mp4",
    ],
)  # fmt: skip
def test_every_frame_is_found_at_its_timestamp(clips: Clips, limits: Settings, name: str) -> None:
    index, _ = probe(clips[name], limits)
    decoded = frames_of(clips[name])
    assert [pts * index.time_base for pts in index.pts] == [frame.time for frame in decoded]
    assert index.same_timestamp == 0


def test_frames_without_timestamps_are_refused(clips: Clips, limits: Settings) -> None:
    with pytest.raises(InputError, match="has frames without timestamps: convert it to MP4"):
        probe(clips["before_zero.mkv"], limits)


def test_keyframes_are_found(clips: Clips, limits: Settings) -> None:
    index, _ = probe(clips["plain.mp4"], limits)
    assert [index.pts.index(tick) for tick in sorted(index.keyframes)] == [0, 12, 24, 36]
    index, _ = probe(clips["one_keyframe.mp4"], limits)
    assert index.keyframes == {index.pts[0]}


def test_the_last_frame_lasts_as_long_as_stated(clips: Clips, limits: Settings) -> None:
    index, _ = probe(clips["ntsc.mov"], limits)
    assert index.last_duration * index.time_base * 30000 == 1001
    index, _ = probe(clips["one_frame.mp4"], limits)
    assert index.last_duration * index.time_base * 24 == 1


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


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain.mp4", {"width": 64, "height": 48, "sample_aspect_ratio": (1, 1)}),
        ("plain.mp4", {"matrix": "smpte170m", "primaries": "smpte170m", "transfer": "smpte170m"}),
        ("plain.mp4", {"full_range": False, "interlaced": False, "hdr": False}),
        ("hd.mp4", {"matrix": "bt709", "primaries": "bt709", "transfer": "bt709"}),
        ("odd.webm", {"width": 65, "height": 49, "padded_size": (66, 50)}),
        ("anamorphic.mp4", {"sample_aspect_ratio": (4, 3)}),
        ("full_range.mp4", {"full_range": True, "matrix": "bt709", "transfer": "iec61966-2-1"}),
        ("mjpeg.mov", {"full_range": True}),
        ("pal.mp4", {"matrix": "bt470bg", "primaries": "bt470bg", "transfer": "smpte170m"}),
        ("pq.mp4", {"hdr": True, "matrix": "bt709", "primaries": "bt709", "transfer": "bt709"}),
        ("hlg.mp4", {"hdr": True, "matrix": "bt709", "full_range": False}),
        ("interlaced.mp4", {"interlaced": True}),
        ("plain.mp4", {"display_matrix": ()}),
        ("rotated.mp4", {"display_matrix": (0, -65536, 0, 65536, 0, 0, 0, 0, 1 << 30)}),
    ],
)
def test_the_picture_is_read_off_the_frames(
    clips: Clips, limits: Settings, name: str, expected: dict[str, object]
) -> None:
    _, picture = probe(clips[name], limits)
    assert {key: getattr(picture, key) for key in expected} == expected
