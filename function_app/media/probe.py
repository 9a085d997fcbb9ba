"""What an uploaded file is: a container with a video stream, or something that is no use.

Bad input is refused here, in a sentence that says why, before anything is submitted.
"""

from __future__ import annotations

import io
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO, cast

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from function_app.errors import Code, InputError
from function_app.media.clock import JUMPING, TAKING
from function_app.media.formats import formats_of
from function_app.media.headers import encrypted, read_headers
from function_app.media.inventory import painted_track
from function_app.settings import Settings

# Demuxers that read one file and open no other; an HLS or concat playlist is not among them.
FORMATS = (
    "mov",
    "mp4",
    "matroska",
    "webm",
    "avi",
    "mpegts",
    "mpeg",
    "ogg",
    "flv",
    "asf",
    "mpegvideo",
    "h264",
    "hevc",
    "m4v",
    "mxf",
    "obu",
    "vc1",
    "ivf",
    "dv",
    "yuv4mpegpipe",
    "rm",
    "gif",
    "apng",
    "wtv",
    "gxf",
)
# Seeking is exact to the frame in these alone: tried on real files of each kind.
EXACT_FORMATS = {"mov", "matroska"}
INEXACT_IN_MOV = {"mpeg1video", "mpeg2video", "mpeg4", "vc1"}

RAW = "rawvideo"

_LONG_LOOK = {"probesize": str(2**25), "analyzeduration": str(100 * av.time_base)}
"""FFmpeg's limits in bytes and microseconds where a picture begins late in what has no index."""

_STILL_IMAGES = (b"\xff\xd8\xff", b"BM", b"II*\x00", b"MM\x00*")
_STILL_BRANDS = (b"heic", b"heix", b"mif1", b"avif")
STILL = "is a still image, not a video: upload a video"
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"[playlist]", b"<?xml")


@contextmanager
def open_video(file: IO[bytes], name: str) -> Generator[InputContainer]:
    """Open an uploaded file as a container.

    Args:
        file: the content, seekable.
        name: of the video, for messages.

    Raises:
        InputError: it is no video in a container that can be read.
    """
    options = {
        "format_whitelist": ",".join(FORMATS),
        "protocol_whitelist": "none",  # of FFmpeg's own; the file comes from here
        "fflags": "+genpts",
    }
    head = file.read(4096)
    if not head:
        raise InputError(f"{name} is empty: upload a whole one", Code.EMPTY_VIDEO)
    if problem := _not_a_video(head):
        raise InputError(f"{name} {problem}", Code.NOT_A_VIDEO)
    file.seek(0)
    try:
        container = av.open(file, "r", options=options)
        if not all(map(_is_known, container.streams.video)):
            container.close()
            file.seek(0)
            container = av.open(file, "r", options=options | _LONG_LOOK)
    except (FFmpegError, ValueError) as error:
        if any(each.encrypted for each in read_headers(file, _formats(head))):
            raise encrypted(name) from error
        raise _unreadable(name, head) from error
    with container:
        yield container


def _is_known(stream: VideoStream) -> bool:
    """Whether the size of a picture was found, as far as there is a decoder for it."""
    return not cast("object", stream.codec_context) or stream.width > 0


def _not_a_video(head: bytes) -> str:
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(_PLAYLISTS):
        return "is a playlist, not a video: upload the video itself"
    webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    heif = head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS
    png = head.startswith(b"\x89PNG") and b"acTL" not in head
    if head.startswith(_STILL_IMAGES) or png or webp or heif:
        return STILL
    return ""


def _formats(head: bytes) -> tuple[str, ...]:
    """Name the container that a file begins as, among those that may say that it is encrypted."""
    return ("mov",) if head[4:8] == b"ftyp" else ("matroska",)


def _unreadable(name: str, head: bytes) -> InputError:
    if head[4:8] == b"ftyp":
        return InputError(
            f"{name} is cut short or damaged, for its index is missing: upload a copy that plays",
            Code.DAMAGED_VIDEO,
        )
    if _is_text(head):
        return InputError(f"{name} is text, not a video: upload a video", Code.NOT_A_VIDEO)
    return InputError(
        f"{name} is not a video in a format that can be read: "
        "convert it to MP4, MOV, Matroska or WebM",
        Code.NOT_A_VIDEO,
    )


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        text = head[: error.start].decode()
        if error.start < len(head) - 3:
            return False
    return all(character.isprintable() or character in "\r\n\t" for character in text)


def find_video(container: InputContainer, name: str) -> VideoStream:
    """Return the stream to paint; see `painted_track`.

    Raises:
        InputError: there is none.
    """
    stream = painted_track(container)
    if stream is None:
        raise InputError(
            f"{name} holds no video, only sound or pictures: upload a video", Code.NO_VIDEO_TRACK
        )
    if not cast("object", stream.codec_context):
        raise InputError(
            f"{name} holds video in a codec that cannot be decoded: convert it first",
            Code.UNKNOWN_CODEC,
        )
    return stream


def check_limits(container: InputContainer, stream: VideoStream, name: str, most: Settings) -> None:
    """Refuse what the header already says to be too big or too long.

    Raises:
        InputError: a limit of the settings is exceeded.
    """
    check_pixels(stream.width, stream.height, name, most)
    formats = formats_of(container)
    # A clock that jumps says nothing of how long a file is, and a broadcast's counts from long ago.
    begin = (container.start_time or 0) if formats & TAKING else 0
    duration = 0 if formats & JUMPING else (container.duration or 0) - begin
    minutes = duration / av.time_base / 60
    if minutes > most.max_minutes:
        raise too_long(f"{name} is {minutes:.1f} minutes long", most)
    if stream.frames > most.max_frames:
        raise too_long(f"{name} has {stream.frames} frames", most)


def check_pixels(width: int, height: int, name: str, most: Settings) -> None:
    """Refuse frames that are too big.

    Raises:
        InputError: they are.
    """
    if width * height > most.max_pixels:
        raise InputError(
            f"{name} has frames of {width}x{height} pixels, more than the limit of "
            f"{most.max_pixels / 1e6:.1f} megapixels: scale it down",
            Code.TOO_MANY_PIXELS,
        )


def too_long(what: str, most: Settings) -> InputError:
    """Return the error for a video over the limit of length."""
    return InputError(
        f"{what}; the limit is {most.max_minutes:g} minutes and {most.max_frames} frames: "
        "cut it into parts",
        Code.TOO_LONG,
    )


def can_be_copied(stream: VideoStream) -> bool:
    """Whether Matroska can hold a stream as it is; else it is decoded from its start."""
    codec = stream.codec_context.codec.canonical_name
    if codec == RAW:
        return False  # the layout of its pixels is lost on the way
    with av.open(io.BytesIO(), "w", format="matroska") as trial:
        if codec not in trial.supported_codecs:
            return False
        trial.add_stream_from_template(stream, opaque=True)
        try:
            trial.start_encoding()
        except FFmpegError:
            return False
    return True


def seeks_exactly(container: InputContainer, stream: VideoStream) -> bool:
    """Whether a decoder can start at any timestamp of this file and hit the very frame."""
    formats = formats_of(container)
    if "mov" in formats and stream.codec_context.codec.canonical_name in INEXACT_IN_MOV:
        return False
    return bool(formats & EXACT_FORMATS)
