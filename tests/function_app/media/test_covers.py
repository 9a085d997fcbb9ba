"""Cover pictures are what they are said to be, or left out."""

from collections.abc import Callable, Iterator

import pytest
from av.packet import Packet

from function_app.media.covers import Cover, Covers
from function_app.options.container import Container
from tests.function_app.clips import PLAYLISTS, Clips, opened


@pytest.fixture
def take(clips: Clips) -> Iterator[Callable[[bytes], Covers]]:
    """Return a way to have a cover taken from an MP4 whose content is another."""
    with opened(clips["covered.mp4"]) as source:

        def take(content: bytes) -> Covers:
            covers = Covers(source, Container.MP4)
            (sink,) = covers.sinks.values()
            sink(Packet(content))
            return covers

        yield take


def test_a_cover_is_taken_as_it_is(clips: Clips, take: Callable[[bytes], Covers]) -> None:
    picture = clips["picture.png"].read_bytes()
    assert take(picture).kept == [Cover("cover.png", "image/png", picture)]


@pytest.mark.parametrize("content", [text.encode() for text in PLAYLISTS.values()] + [b"\x89PNG"])
def test_what_is_no_picture_is_left_out(take: Callable[[bytes], Covers], content: bytes) -> None:
    covers = take(content)
    assert covers.kept == []
    assert covers.notes == ["the cover picture of track 2 cannot be read: left out"]


def test_a_huge_cover_is_left_out(take: Callable[[bytes], Covers]) -> None:
    covers = take(bytes(2**22 + 1))
    assert covers.kept == []
    assert covers.notes == ["the cover picture of track 2 has more than 4 MiB: left out"]
