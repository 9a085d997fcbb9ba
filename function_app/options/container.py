"""The containers that a result may have: MP4, or Matroska for what MP4 cannot hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from function_app.errors import Code, InputError

CONTAINER = "container"
"""Name of the metadata of an uploaded video that says which its result is to have."""

# Ticks a second of MP4's edit lists, which hold where a track starts. FFmpeg's 1000 would move a
# start by up to half a millisecond; this keeps it exact for the usual time bases and rates, and
# three hours still fit into 32 bits.
MOVIE_TIMESCALE = 360_000

CAMERA = ("make", "model", "com.")
"""What keys begin with that cameras and phones write."""

# Bytes of index that an MP4 needs for a packet: size, duration, composition offset, sync, and of a
# chunk of its own place, number and description.
INDEX_BYTES = 4 + 8 + 8 + 4 + 8 + 12
HEADER_BYTES = 4096
TRACK_BYTES = 2048
# What is said may stand in two places, each with a header.
TEXT_BYTES, TEXT_TIMES = 128, 2


class Container(StrEnum):
    """A container, by its suffix without the dot."""

    MP4 = "mp4"
    MKV = "mkv"

    @property
    def muxer(self) -> str:
        """FFmpeg's name of its muxer."""
        return {Container.MP4: "mp4", Container.MKV: "matroska"}[self]

    @property
    def spoken(self) -> str:
        """Its name for people."""
        return {Container.MP4: "MP4", Container.MKV: "Matroska"}[self]

    @property
    def suffix(self) -> str:
        """Of the names of its files."""
        return f".{self}"

    @property
    def content_type(self) -> str:
        """Its media type."""
        return {Container.MP4: "video/mp4", Container.MKV: "video/x-matroska"}[self]

    def options(self, index: int = 0, metadata: Iterable[str] = ()) -> dict[str, str]:
        """Return the muxer's options.

        Args:
            index: bytes to reserve for an MP4's index, ahead of the data; 0 puts it at the end.
            metadata: keys of what is to be said of the whole.
        """
        if self is Container.MKV:
            return {}
        reserved = {"moov_size": str(index)} if index else {}
        # iTunes' list of tags, which more players read, knows nothing of cameras.
        tags = {"movflags": "use_metadata_tags"} if is_of_camera(metadata) else {}
        return {"movie_timescale": str(MOVIE_TIMESCALE), **reserved, **tags}


def is_of_camera(metadata: Iterable[str]) -> bool:
    """Whether any of a video's tags, by their keys, is of those that cameras and phones write."""
    return any(key.lower().startswith(CAMERA) for key in metadata)


def container_of(metadata: Mapping[str, str]) -> Container:
    """Read which container the result of a video is to have from the video's metadata.

    Args:
        metadata: of the blob; names and values mean the same in upper and lower case.

    Raises:
        InputError: it names one that there is not.
    """
    said = {name.lower(): value.strip().lower() for name, value in metadata.items()}
    try:
        return Container(said.get(CONTAINER, Container.MP4))
    except ValueError as error:
        raise InputError(
            f"the container {said[CONTAINER]!r} is neither mp4 nor mkv: "
            "upload the video again with one",
            Code.BAD_OPTION,
        ) from error


def index_size(packets: int, tracks: int, said: Iterable[str] = ()) -> int:
    """Return how many bytes to reserve for the index of an MP4.

    Args:
        packets: in all tracks.
        tracks: that have them.
        said: texts in it: keys and values of metadata, titles of chapters.
    """
    texts = sum(TEXT_BYTES + TEXT_TIMES * len(text.encode()) for text in said)
    return HEADER_BYTES + TRACK_BYTES * tracks + INDEX_BYTES * packets + texts
