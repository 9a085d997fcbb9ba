"""Names of files: printed whatever they are, short enough, and never another file's."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import names
from cli.errors import CommandError

NO_TEXT = Path(os.fsdecode(b"caf\xe9.mp4"))


def test_a_name_that_is_no_text_is_refused_in_a_sentence() -> None:
    names.check(Path("Zürich ☃.mp4"))
    with pytest.raises(CommandError, match="is not UTF-8: rename the file") as refusal:
        names.check(NO_TEXT)
    str(refusal.value).encode()


def test_a_name_keeps_to_its_line() -> None:
    assert names.printable(
        "new\nline \x1b[31m\u202f☃.mp4"
    ) == "new\N{REPLACEMENT CHARACTER}line " + ("\N{REPLACEMENT CHARACTER}[31m\u202f☃.mp4")
    assert names.printable(NO_TEXT) == "caf\N{REPLACEMENT CHARACTER}.mp4"


@given(st.text(st.characters(codec="utf-8"), min_size=1), st.text("abc_", min_size=1, max_size=100))
def test_a_painted_video_has_a_name_that_file_systems_take(stem: str, style: str) -> None:
    name = names.painted(stem, style)
    assert len(name.encode()) <= names.LONGEST
    assert name.endswith(f".{style}.mp4")


def test_a_file_that_is_given_twice_is_one(tmp_path: Path) -> None:
    (first, other) = tmp_path / "a.mp4", tmp_path / "folder" / "a.mp4"
    again = tmp_path / "folder" / ".." / "a.mp4"
    assert names.each_once([first, other, again]) == [first, other]


@given(st.text(max_size=99), st.integers(3, 60))
def test_what_is_shortened_keeps_both_ends(text: str, width: int) -> None:
    short = names.middle(text, width)
    assert len(short) <= max(width, 0)
    assert short == text or (short[0] == text[0] and short[-1] == text[-1] and "…" in short)


@pytest.mark.parametrize(
    ("file", "style"),
    [("Starry Night.jpg", "starry-night"), ("it's Anna's.png", "it-s-anna-s"), ("a_b.pth", "a_b")],
)
def test_a_style_is_called_like_its_painting(file: str, style: str) -> None:
    assert names.of_style(Path(file)) == style


def put(folder: Path, content: bytes, *, overwrite: bool = False) -> str:
    (part := folder / ".x.part").write_bytes(content)
    return names.place(part, folder / "a.mp4", overwrite=overwrite).name


def test_no_file_is_written_over(tmp_path: Path) -> None:
    contents = [b"1", b"2", b"1", b"2", b"3"]
    placed = [put(tmp_path, content) for content in contents]
    assert placed == ["a.mp4", "a (1).mp4", "a.mp4", "a (1).mp4", "a (2).mp4"]
    assert put(tmp_path, b"4", overwrite=True) == "a.mp4"
    assert (tmp_path / "a.mp4").read_bytes() == b"4"


@pytest.mark.parametrize(
    ("error", "file", "sentence"),
    [
        (OSError(28, "No space left on device", "a.mp4"), "b", "a.mp4: No space left on device"),
        (OSError(28, "No space left on device"), Path("out"), "out: No space left on device"),
        (OSError("the disk is gone"), "", "the disk is gone"),
        (
            OSError(36, "File name too long", "a\nb"),
            "",
            "a\N{REPLACEMENT CHARACTER}b: File name too long",
        ),
    ],
)
def test_what_the_system_refuses_is_said_without_its_number(
    error: OSError, file: str | Path, sentence: str
) -> None:
    assert names.refused(error, file) == sentence
