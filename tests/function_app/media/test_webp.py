"""Animated WebP: when its frames are shown, and what is said of it."""

import io
import struct
from dataclasses import replace
from fractions import Fraction

import pytest

from function_app.errors import Code, InputError
from function_app.media.webp import is_animated_webp, read_animation
from function_app.settings import Settings
from tests.function_app.clips import Clips

SIZE = (64, 48)
ANIMATED, TRANSPARENT = 0x02, 0x10
CLEARED = 0x01
WHITE = "transparency: painted over white"


def chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def numbers(*values: int) -> bytes:
    """Write numbers of three bytes."""
    return b"".join(value.to_bytes(3, "little") for value in values)


def frame(duration: int = 40, size: tuple[int, int] = SIZE, flags: int = 0) -> bytes:
    """Make a frame, whose picture is nothing that anybody reads here."""
    width, height = size
    return chunk(b"ANMF", numbers(0, 0, width - 1, height - 1, duration) + bytes([flags]) + b"?")


def webp(*chunks: bytes, flags: int = ANIMATED, size: tuple[int, int] = SIZE) -> bytes:
    header = bytes([flags]) + bytes(3) + numbers(size[0] - 1, size[1] - 1)
    return chunk(b"RIFF", b"WEBP" + chunk(b"VP8X", header) + b"".join(chunks))


def test_frames_come_at_their_own_times(limits: Settings) -> None:
    content = webp(chunk(b"ANIM", bytes(6)), frame(40), frame(250), frame(33))
    found = read_animation(io.BytesIO(content), "a.webp", limits)
    assert (found.pts, found.last_duration, found.time_base) == (
        [0, 40, 290],
        33,
        Fraction(1, 1000),
    )
    assert (found.picture.width, found.picture.height) == SIZE
    assert found.notes == ()


def test_a_frame_without_a_time_of_its_own_is_shown_as_browsers_do(limits: Settings) -> None:
    content = webp(frame(0), frame(10), frame(11), frame(0))
    found = read_animation(io.BytesIO(content), "a.webp", limits)
    assert (found.pts, found.last_duration) == ([0, 100, 200, 211], 100)


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (webp(frame(), frame(), flags=ANIMATED | TRANSPARENT), WHITE),
        (webp(frame(size=(32, 48)), frame()), WHITE),
        (webp(frame(), frame(flags=CLEARED)), WHITE),
        (webp(chunk(b"ICCP", b"odd"), frame(), frame()), "its colour profile (ICC) is not applied"),
        (webp(frame(), frame(), chunk(b"EXIF", b"odd"))[:-1], "its EXIF data are not kept"),
        (
            webp(frame(), frame(), frame())[:-2],
            "the file is cut short: what is there of it is painted",
        ),
    ],
)
def test_what_is_not_as_it_was_is_said(limits: Settings, content: bytes, note: str) -> None:
    found = read_animation(io.BytesIO(content), "a.webp", limits)
    assert (len(found.pts), found.notes) == (2, (note,))


@pytest.mark.parametrize(
    ("content", "sentence", "code"),
    [
        (webp(frame()), "is a still image, not a video", Code.NOT_A_VIDEO),
        (webp(), "holds no frame that can be decoded", Code.DAMAGED_VIDEO),
        (webp()[:20], "holds no frame that can be decoded", Code.DAMAGED_VIDEO),
        (webp(frame(), frame(), frame(), frame()), "has 4 frames or more", Code.TOO_LONG),
        (
            webp(frame(), frame(), size=(16000, 16000)),
            "has frames of 16000x16000",
            Code.TOO_MANY_PIXELS,
        ),
    ],
)
def test_what_cannot_be_painted_is_refused(
    limits: Settings, content: bytes, sentence: str, code: Code
) -> None:
    with pytest.raises(InputError, match=rf"^a\.webp {sentence}") as caught:
        read_animation(io.BytesIO(content), "a.webp", replace(limits, max_frames=3))
    assert caught.value.code == code


def test_a_still_picture_is_no_animation(clips: Clips) -> None:
    assert is_animated_webp(clips["newton.webp"].read_bytes())
    assert not is_animated_webp(clips["picture.webp"].read_bytes())
    assert not is_animated_webp(webp(frame(), flags=TRANSPARENT))
    assert not is_animated_webp(b"RIFF")
