"""What a video's pixels mean is read off its frames."""

import pytest

from function_app.settings import Settings
from tests.function_app.media import Clips
from tests.function_app.reading import probe


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
