"""Closed captions within the pictures are noted, padding is not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from function_app.captions import NOTE, has_captions
from function_app.jobs import Job
from function_app.preprocess import preprocess
from tests.function_app.media import Clips, ffmpeg

PADDING = [b"\xfc\x80\x80", b"\xfd\x80\x80", b"\xfa\0\0"]
LINE_21 = [b"\xfc\x94\x20", *PADDING]
DTVCC = [*PADDING, b"\xff\x02\x21"]


def message(triplets: list[bytes]) -> bytes:
    """Return an SEI NAL unit of H.264 that holds captions (ATSC A/53 part 4)."""
    body = b"\xb5\0\x31GA94\3" + bytes([0x40 | len(triplets), 0xFF]) + b"".join(triplets) + b"\xff"
    return b"\0\0\1\6\4" + bytes([len(body)]) + body + b"\x80"


@pytest.mark.parametrize(
    ("triplets", "there"), [(LINE_21, True), (DTVCC, True), (PADDING, False), ([], False)]
)
def test_captions_are_told_from_padding(triplets: list[bytes], there: bool) -> None:
    assert has_captions(b"before" + message(triplets) + b"after") is there
    assert has_captions(message(PADDING) + message(triplets)) is there


def test_what_is_cut_off_holds_no_captions() -> None:
    whole = message([b"\xfc\x94\x20"])
    assert not any(has_captions(whole[:size]) for size in range(whole.index(b"\x20") + 1))


@pytest.mark.parametrize(("triplets", "notes"), [(LINE_21, (NOTE,)), (PADDING, ())])
def test_captions_are_noted(
    clips: Clips,
    upload: Callable[..., Job],
    tmp_path: Path,
    triplets: list[bytes],
    notes: tuple[str, ...],
) -> None:
    ffmpeg("-i", str(clips["plain.mp4"]), "-an", "-c", "copy", str(tmp_path / "plain.h264"))
    stream = (tmp_path / "plain.h264").read_bytes()
    at = stream.index(b"\0\0\1\x65")
    job = upload(stream[:at] + message(triplets) + stream[at:], "captions.h264")
    assert preprocess(job).notes == notes
