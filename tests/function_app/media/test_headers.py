"""What a container's header says of its picture: which part is shown, and whether to anybody."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from av.error import FFmpegError

from function_app.errors import Code, InputError
from function_app.media.headers import Header, holds_another, read_headers
from function_app.stages.preprocess import preprocess
from function_app.store.jobs import Job
from fuzz.boxes import box, clean_aperture, dolby_vision, with_box
from gpu_worker.frames.decode import frames
from tests.function_app.clips import Clips, opened
from tests.function_app.stages.test_preprocess import plan_of

CROP = bytes.fromhex("54aa8102 54bb8104 54cc8106 54dd8108")
"""2 below, 4 above, 6 left, 8 right."""


def read(content: bytes, form: str) -> list[Header]:
    return read_headers(io.BytesIO(content), [form])


def test_the_clean_aperture_is_what_is_shown(clips: Clips) -> None:
    content = with_box(clips["ntsc.mov"].read_bytes(), b"avc1", clean_aperture(50, 40))
    assert read(content, "mov") == [Header((7, 4, 7, 4))]
    assert read(clips["ntsc.mov"].read_bytes(), "mov") == [Header()]


@pytest.mark.parametrize(("width", "height"), [(66, 48), (0, 40), (50, 60)])
def test_a_clean_aperture_that_makes_no_sense_is_none(
    clips: Clips, width: int, height: int
) -> None:
    content = with_box(clips["ntsc.mov"].read_bytes(), b"avc1", clean_aperture(width, height))
    assert read(content, "mov") == [Header()]


def test_the_crop_of_matroska_is_what_is_shown() -> None:
    video = element("e0", element("b0", b"\x40") + element("ba", b"\x30") + CROP)
    track = element("ae", element("d7", b"\1") + element("83", b"\1") + video)
    sound = element("ae", element("d7", b"\2") + element("83", b"\2"))
    content = element("1a45dfa3", b"") + element("18538067", element("1654ae6b", sound + track))
    assert read(content, "matroska") == [Header((6, 4, 8, 2))]


def element(identity: str, content: bytes) -> bytes:
    return bytes.fromhex(identity) + (0x4000 | len(content)).to_bytes(2) + content


@pytest.mark.parametrize(
    ("added", "spatial"),
    [
        (box(b"st3d", bytes([0, 0, 0, 0, 2])), "stereoscopic"),
        (box(b"st3d", bytes(5)), ""),
        (box(b"st3d", b""), ""),
        (box(b"st3d", bytes([0, 0, 0, 0, 1])) + box(b"sv3d", b""), "a panorama"),
    ],
)
def test_what_is_more_than_flat_says_so(clips: Clips, added: bytes, spatial: str) -> None:
    content = with_box(clips["ntsc.mov"].read_bytes(), b"avc1", added)
    assert read(content, "mov") == [Header(spatial=spatial)]


@pytest.mark.parametrize(
    ("said", "spatial"),
    [
        ("53b84001 01", "stereoscopic"),
        ("53b84001 00", ""),
        ("76704004 76718101", "a panorama"),
        ("76704004 76718100", ""),
    ],
)
def test_what_is_more_than_flat_says_so_in_matroska(said: str, spatial: str) -> None:
    track = element("ae", element("83", b"\1") + element("e0", bytes.fromhex(said)))
    content = element("1a45dfa3", b"") + element("18538067", element("1654ae6b", track))
    assert read(content, "matroska") == [Header(spatial=spatial)]


def test_a_note_says_what_players_are_not_told(clips: Clips, upload: Callable[..., Job]) -> None:
    stereo = box(b"st3d", bytes([0, 0, 0, 0, 2]))
    content = with_box(clips["ntsc.mov"].read_bytes(), b"avc1", stereo)
    assert preprocess(upload(content, "eyes.mov")).notes == (
        "it is stereoscopic: painted as it lies, and players are not told of it",
    )


def test_what_is_encrypted_says_so(clips: Clips) -> None:
    content = clips["encrypted.mp4"].read_bytes()
    assert read(content, "mov") == [Header(encrypted=True)]
    kind = element("6d80", element("6240", element("5033", b"\1") + element("5035", b"")))
    track = element("ae", element("83", b"\1") + element("e0", b"") + kind)
    locked = element("1a45dfa3", b"") + element("18538067", element("1654ae6b", track))
    assert read(locked, "matroska") == [Header(encrypted=True)]


@pytest.mark.parametrize(("profile", "layer"), [(5, 0), (8, 4)])
def test_dolby_vision_says_what_its_base_layer_is(clips: Clips, profile: int, layer: int) -> None:
    record = dolby_vision(profile, layer)
    content = with_box(clips["ntsc.mov"].read_bytes(), b"avc1", record)
    assert read(content, "mov") == [Header(dolby_vision=(profile, layer))]
    kind = element("41e7", b"dvcC") + element("41ed", record[8:])
    track = element("ae", element("83", b"\1") + element("e0", b"") + element("41e4", kind))
    matroska = element("1a45dfa3", b"") + element("18538067", element("1654ae6b", track))
    assert read(matroska, "matroska") == [Header(dolby_vision=(profile, layer))]


def test_dolby_vision_is_painted_where_others_can_show_it(
    clips: Clips, upload: Callable[..., Job]
) -> None:
    hlg = with_box(clips["ntsc.mov"].read_bytes(), b"avc1", dolby_vision(8, 4))
    noted = "Dolby Vision: HLG is painted, and what Dolby adds to it left out"
    assert noted in preprocess(upload(hlg, "hlg.mov")).notes
    alone = with_box(clips["ntsc.mov"].read_bytes(), b"avc1", dolby_vision(5, 0))
    with pytest.raises(InputError, match="Dolby Vision, profile 5") as refusal:
        preprocess(upload(alone, "alone.mov"))
    assert refusal.value.code == Code.UNKNOWN_CODEC


def test_headers_of_no_sense_say_nothing(clips: Clips) -> None:
    whole = clips["encrypted.mp4"].read_bytes()
    for size in range(0, 2000, 7):
        read(whole[-size:] if size else b"", "mov")
        read(whole[:size], "matroska")
    assert read(b"\0\0\0\1moov" + bytes(8), "mov") == []
    assert read(whole + b"\0\0\0\1mdat", "mov") == read(whole, "mov") == [Header(encrypted=True)]


@pytest.mark.parametrize(
    ("behind", "another"),
    [(b"", False), (box(b"free", b""), False), (box(b"moov", b""), True), (b"\0\0\0\1mdat", False)],
)
def test_a_second_index_is_another_recordings(clips: Clips, behind: bytes, another: bool) -> None:
    file = io.BytesIO(clips["plain.mp4"].read_bytes() + behind)
    file.seek(5)
    assert (holds_another(file, ["mov"]), file.tell()) == (another, 5)
    assert not holds_another(file, ["matroska"])


def test_an_encrypted_video_that_does_not_open_is_refused_as_such(
    clips: Clips, upload: Callable[..., Job]
) -> None:
    content = bytearray(clips["encrypted.mp4"].read_bytes())
    count = content.index(b"senc") + 8
    content[count : count + 4] = (10**6).to_bytes(4)  # samples, of which few are there
    with pytest.raises(FFmpegError):
        opened(bytes(content))
    with pytest.raises(InputError, match=r"locked\.mp4 is encrypted \(DRM\)") as refusal:
        preprocess(upload(bytes(content), "locked.mp4"))
    assert refusal.value.code == Code.ENCRYPTED_VIDEO


def test_an_encrypted_video_is_refused_as_such(clips: Clips, upload: Callable[..., Job]) -> None:
    with pytest.raises(InputError, match=r"encrypted\.mp4 is encrypted \(DRM\)") as refusal:
        preprocess(upload(clips["encrypted.mp4"], "encrypted.mp4"))
    assert refusal.value.code == Code.ENCRYPTED_VIDEO


def test_what_is_shown_is_painted_and_nothing_is_stretched(
    clips: Clips, upload: Callable[..., Job], tmp_path: Path
) -> None:
    content = with_box(clips["ntsc.mov"].read_bytes(), b"avc1", clean_aperture(50, 40))
    job = upload(content, "clean_aperture.mov")
    preprocess(job)
    plan = plan_of(job)
    assert (plan.picture.width, plan.picture.height) == (50, 40)
    (video := tmp_path / "clean_aperture.mov").write_bytes(content)
    assert next(frames(video, plan, plan.shards[0], 1)).planes.shape == (60, 50)
