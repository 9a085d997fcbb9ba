"""Cover pictures: kept as what they are, where the container of the result can hold them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from function_app.media.tracks import codec_name
from function_app.options.container import Container, is_of_camera

# FFmpeg's name of a picture's codec, its media type, and the suffix of its files.
_PICTURES = {
    "mjpeg": ("image/jpeg", "jpg"),
    "png": ("image/png", "png"),
    "bmp": ("image/bmp", "bmp"),
    "gif": ("image/gif", "gif"),
    "tiff": ("image/tiff", "tiff"),
    "webp": ("image/webp", "webp"),
}
_IN_MP4 = {"mjpeg", "png", "bmp"}
# Demuxers by media type: content that is something else is never looked at as such.
_DEMUXERS = {"image/jpeg": "jpeg_pipe", "image/png": "png_pipe", "image/bmp": "bmp_pipe"}
_MOST_BYTES = 2**22
_MOST_COVERS = 8


@dataclass(frozen=True, slots=True)
class Cover:
    """A picture of the whole.

    Attributes:
        name: of its file.
        media_type: of its content.
        content: of its file.
    """

    name: str
    media_type: str
    content: bytes


class Covers:
    """Takes the cover pictures of a source.

    Args:
        source: whose they are.
        container: of the result.

    Attributes:
        kept: those that the result can have.
        notes: a sentence for each that it cannot.
        sinks: for the index of each cover's stream, what takes its packet.
    """

    def __init__(self, source: InputContainer, container: Container) -> None:
        """Take none yet."""
        self.kept: list[Cover] = []
        self.notes: list[str] = []
        self.sinks: dict[int, Callable[[Packet[Any]], None]] = {}
        self._container = container
        for stream in _covers(source):
            why = _problem(source, stream, container)
            if why or len(self.sinks) == _MOST_COVERS:
                self._leave_out(stream, why or f"is one more than the {_MOST_COVERS} kept")
            else:
                self.sinks[stream.index] = partial(self._take, stream)

    def _take(self, stream: VideoStream, packet: Packet[Any]) -> None:
        if not packet.size:
            return
        if packet.size > _MOST_BYTES:
            self._leave_out(stream, f"has more than {_MOST_BYTES // 2**20} MiB")
            return
        media_type, suffix = _PICTURES[codec_name(stream)]
        if self._container is Container.MP4 and not _is_picture(bytes(packet), media_type):
            self._leave_out(stream, "cannot be read")
            return
        name = stream.metadata.get("filename") or f"cover.{suffix}"
        self.kept.append(Cover(name, media_type, bytes(packet)))

    def _leave_out(self, stream: VideoStream, why: str) -> None:
        self.notes.append(f"the cover picture of track {stream.index} {why}: left out")


def open_picture(content: bytes, media_type: str) -> InputContainer:
    """Open a cover that MP4 can hold, as what it is said to be and nothing else.

    Raises:
        FFmpegError: it is something else.
    """
    options = {"protocol_whitelist": "none"}
    return av.open(io.BytesIO(content), "r", format=_DEMUXERS[media_type], options=options)


def _is_picture(content: bytes, media_type: str) -> bool:
    try:
        with open_picture(content, media_type) as picture:
            stream = picture.streams.video[0]
            return stream.width > 0 and stream.height > 0
    except FFmpegError:
        return False


def _covers(source: InputContainer) -> Iterator[VideoStream]:
    return (each for each in source.streams.video if each.disposition & Disposition.attached_pic)


def _problem(source: InputContainer, stream: VideoStream, container: Container) -> str:
    """Say why a cover cannot be kept; nothing if it can."""
    codec = codec_name(stream)
    if codec not in (_IN_MP4 if container is Container.MP4 else _PICTURES):
        return f"({codec}) cannot be kept in {container.spoken}"
    # MP4 has two lists of tags: one knows nothing of cameras, the other nothing of covers.
    if container is Container.MP4 and is_of_camera(source.metadata):
        return "cannot be kept in MP4 beside what the camera says of itself"
    return ""
