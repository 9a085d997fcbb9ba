"""Which videos browsers play by themselves."""

import av
import pytest

from function_app.media.browsers import is_playable
from tests.function_app.clips import Clips


@pytest.mark.parametrize(
    ("clip", "plays"),
    [
        ("plain.mp4", True),
        ("ntsc.mov", True),
        ("odd.webm", True),
        ("vp8.webm", True),
        ("full_range.mp4", True),
        ("pq.mp4", False),
        ("plain.ts", False),
        ("plain.avi", False),
        ("vfr.mkv", False),
        ("mpeg4.mp4", False),
        ("mjpeg.mov", False),
    ],
)
def test_what_browsers_play_needs_no_copy(clips: Clips, clip: str, plays: bool) -> None:
    with av.open(file := clips[clip]) as container:
        assert is_playable(container, container.streams.video[0], file.name) is plays
