"""What a video's pixels mean is read off its frames."""

from types import SimpleNamespace

import pytest
from av.sidedata.sidedata import Type

from function_app.media.picture import display_matrix_of, picture_notes
from function_app.settings import Settings
from tests.function_app.clips import NUMBERS, Clips, opened
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
        ("hlg.mp4", {"source_primaries": "bt2020", "source_matrix": "bt2020nc"}),
        ("p3.mp4", {"hdr": True, "primaries": "bt709", "source_primaries": "smpte432"}),
        ("rgb.mov", {"source_matrix": "gbr", "matrix": "smpte170m", "full_range": False}),
        ("plain.mp4", {"source_matrix": "", "transparent": False}),
        ("see_through.mov", {"source_matrix": "gbr", "transparent": True}),
        ("plain.mp4", {"display_matrix": ()}),
        ("rotated.mp4", {"display_matrix": (0, -65536, 0, 65536, 0, 0, 0, 0, 1 << 30)}),
    ],
)
def test_the_picture_is_read_off_the_frames(
    clips: Clips, limits: Settings, name: str, expected: dict[str, object]
) -> None:
    _, picture = probe(clips[name], limits)
    assert {key: getattr(picture, key) for key in expected} == expected


@pytest.mark.parametrize("number", NUMBERS["colour_primaries"])
def test_primaries_stay_as_they_are(clips: Clips, limits: Settings, number: int) -> None:
    _, picture = probe(clips[f"colour_primaries_{number}.mp4"], limits)
    assert picture.primaries == PRIMARIES_OF_SETPARAMS[number]


PRIMARIES_OF_SETPARAMS = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020",
    10: "smpte428", 11: "smpte431", 12: "smpte432", 22: "jedec-p22",
}  # fmt: skip


@pytest.mark.parametrize(
    ("number", "source", "result"),
    [
        (0, "", "smpte170m"), (4, "", "fcc"), (7, "", "smpte240m"), (8, "ycgco", "smpte170m"),
        (10, "bt2020c", "smpte170m"), (12, "chroma-derived-nc", "smpte170m"),
        (13, "chroma-derived-c", "smpte170m"), (14, "ictcp", "smpte170m"),
    ],
)  # fmt: skip
def test_a_matrix_that_is_no_sum_of_colours_is_converted_with_a_note(
    clips: Clips, limits: Settings, number: int, source: str, result: str
) -> None:
    index, picture = probe(clips[f"matrix_coefficients_{number}.mp4"], limits)
    assert (picture.source_matrix, picture.matrix) == (source, result)
    note = f"colours coded as {source}: converted to {result}"
    wrong = "its colours are called RGB, and are not: taken for smpte170m"
    notes = [note] if source else [] if number else [wrong]
    assert picture_notes(picture, index.first_frame()) == notes


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("pq.mp4", "HDR (PQ): tone-mapped to SDR, BT.709, by Hable's curve"),
        ("hlg.mp4", "HDR (HLG): tone-mapped to SDR, BT.709, by Hable's curve"),
        ("interlaced.mp4", "interlaced: deinterlaced (bwdif), one frame for each frame"),
        ("see_through.mov", "transparency: painted over white"),
    ],
)
def test_what_becomes_of_a_picture_is_noted(
    clips: Clips, limits: Settings, name: str, note: str
) -> None:
    index, picture = probe(clips[name], limits)
    assert picture_notes(picture, index.first_frame()) == [note]


class Unreadable:
    """A frame with side data of a type that PyAV does not know, as spatial video has."""

    def __init__(self, rotation: int) -> None:
        self.rotation = rotation

    @property
    def side_data(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(type=Type(9999))]


@pytest.mark.parametrize("name", ["rotated.mp4", "plain.mp4"])
def test_side_data_of_an_unknown_type_hides_no_rotation(clips: Clips, name: str) -> None:
    with opened(clips[name]) as container:
        frame = next(container.decode(video=0))
        known = display_matrix_of(frame)
        assert display_matrix_of(Unreadable(frame.rotation)) == known
