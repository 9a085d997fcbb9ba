"""Names in blob storage: where things lie, which names are refused, which are plain."""

from itertools import islice
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from function_app.errors import InputError
from function_app.store import paths
from function_app.store.paths import JobFolder, StyleSource, Video, names_style
from gpu_worker.plan import Shard


def is_usable(name: str) -> bool:
    try:
        Video("x", name).check()
    except InputError:
        return False
    return True


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("clip.mp4", "scream/clip.mp4"),
        ("clip.final.cut.mov", "scream/clip.final.cut.mp4"),
        ("holiday/day 1.webm", "scream/holiday/day 1.mp4"),
        ("no_suffix", "scream/no_suffix.mp4"),
    ],
)
def test_a_result_is_called_like_its_video(name: str, result: str) -> None:
    assert Video("scream", name).result(".mp4") == result


@pytest.mark.parametrize(
    ("name", "results"),
    [
        ("a.mov", ["x/a.mp4", "x/a.mov.mp4", "x/a.mov-2.mp4"]),
        ("12.30 h.mp4", ["x/12.30 h.mp4", "x/12.30 h.mp4.mp4", "x/12.30 h.mp4-2.mp4"]),
        ("day/a", ["x/day/a.mp4", "x/day/a.mp4", "x/day/a-2.mp4"]),
    ],
)
def test_there_is_always_another_name_for_a_result(name: str, results: list[str]) -> None:
    assert list(islice(Video("x", name).results(".mp4"), 3)) == results


@given(
    st.text("ab.-/'é ").map("{}.mp4".format).filter(is_usable),
    st.integers(2, 99),
)
def test_a_numbered_name_is_another_that_can_be_used(name: str, number: int) -> None:
    video = Video("x", name)
    numbered = video.numbered(number)
    numbered.check()
    assert video.numbered(1) == video
    assert numbered != video
    assert PurePosixPath(numbered.name).suffix == PurePosixPath(name).suffix


@pytest.mark.parametrize(
    "name", ["clip.mp4", "A/b_c-d.1.mov", "%2F.mp4", "a b.mp4", "Zürich ☃.mp4", "it's Anna's.mp4"]
)
def test_a_usable_name_is_accepted(name: str) -> None:
    Video("scream", name).check()


@pytest.mark.parametrize("character", ['"', "`", "\\", "\n", "\0", "\x7f", "\ud800", "\uffff"])
def test_a_name_with_a_quote_or_control_character_is_refused(character: str) -> None:
    with pytest.raises(InputError, match="rename the video without double quotes") as refusal:
        Video("scream", f"a{character}b.mp4").check()
    assert repr(character) in str(refusal.value)


@pytest.mark.parametrize(
    "name",
    ["._clip.mp4", "card/._clip.mp4", ".DS_Store", "a/Thumbs.db", "clip.mp4.part", "day/", ""],
)
def test_what_nobody_means_is_known(name: str) -> None:
    assert Video("x", name).is_litter
    with pytest.raises(InputError, match=r"leave it out|no plain path"):
        Video("x", name).check()


@pytest.mark.parametrize("name", ["clip.mp4", ".clip.mp4", "part.mp4", "a._b.mp4", "._a/clip.mp4"])
def test_what_is_meant_is_no_litter(name: str) -> None:
    assert not Video("x", name).is_litter


def test_a_name_that_is_too_long_is_refused() -> None:
    Video("scream", "a" * 993).check()
    with pytest.raises(InputError, match="is too long: rename the video so that it has at most"):
        Video("scream", "a" * 994).check()


@pytest.mark.parametrize("name", ["../clip.mp4", "a/../../b.mp4", "./a.mp4", "a//b.mp4", "", "/a"])
def test_a_name_that_climbs_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="is no plain path: rename the video so that"):
        Video("scream", name).check()


@pytest.mark.parametrize(
    ("style", "name", "plain"),
    [
        ("scream", "dir/clip-1_a.mp4", True),
        ("scream", "a b.mp4", False),
        ("scream", "%2F.mp4", False),
        ("scream", "ü.mp4", False),
        ("scream", "$(id).mp4", False),
        ("the wave", "clip.mp4", False),
    ],
)
def test_a_plain_name_means_the_same_everywhere(style: str, name: str, plain: bool) -> None:
    assert Video(style, name).has_plain_name is plain


def test_everything_of_a_job_lies_below_its_root() -> None:
    folder, shard = JobFolder("clip-0123456789ab"), Shard(7, 0, 1)
    assert folder.shard(shard) == "clip-0123456789ab/work/00007.mp4"
    for name in (
        folder.plan,
        folder.sidecar,
        folder.extra("track-001.mp4"),
        folder.source(".mkv"),
        folder.output("preview.jpg"),
        folder.shard(shard),
    ):
        assert name.startswith(folder.root)


def test_a_style_is_one_file() -> None:
    assert paths.style("scream") == "scream.safetensors"


@pytest.mark.parametrize(
    ("blob", "style", "suffix"),
    [
        ("starry.jpg", "starry", ".jpg"),
        ("The Scream.v2.PNG", "The Scream.v2", ".png"),
        ("candy.pth", "candy", ".pth"),
        (".jpg", "", ".jpg"),
        ("noname", "noname", ""),
    ],
)
def test_a_source_names_its_style(blob: str, style: str, suffix: str) -> None:
    source = StyleSource(blob)
    assert (source.style, source.suffix) == (style, suffix)
    assert source.report == f"{style}.error.json"


@pytest.mark.parametrize("blob", ["it's.jpg", "a/b.jpg", 'x"y.pth', "a\\b.jpg", ".jpg", "...png"])
def test_a_source_whose_style_could_not_be_a_folder_is_refused(blob: str) -> None:
    with pytest.raises(InputError, match=r"choose a name|is no name for a style"):
        StyleSource(blob).check()


@pytest.mark.parametrize("name", ["scream", "Zürich ☃", "a.b"])
def test_a_style_may_have_a_plain_name(name: str) -> None:
    assert names_style(name)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a'b", "\x01", "\ufffe"])
def test_a_style_may_have_no_name_that_folders_or_storage_cannot(name: str) -> None:
    assert not names_style(name)
