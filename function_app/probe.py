"""What an uploaded file is: its container, its video stream, its frames' timestamps and colours.

Bad input is refused here, in a sentence that says why, before anything is submitted.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from fractions import Fraction
from typing import IO, Any, cast

import av
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.packet import Packet
from av.sidedata.sidedata import SideData
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from function_app.errors import InputError
from function_app.settings import Settings
from gpu_worker.plan import Picture

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
    "mxf",
)
# Seeking is exact to the frame in these alone: tried on real files of each kind.
EXACT_FORMATS = {"mov", "matroska"}
INEXACT_IN_MOV = {"mpeg1video", "mpeg2video", "mpeg4", "vc1"}

# ITU-T H.273 code points under FFmpeg's names.
MATRICES = {1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020nc"}
PRIMARIES = {1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020"}
TRANSFERS = {
    1: "bt709",
    4: "gamma22",
    5: "gamma28",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
}
# What goes with a matrix where the file names no primaries and transfer.
USUAL = {
    "smpte170m": ("smpte170m", "smpte170m"),
    "bt470bg": ("bt470bg", "smpte170m"),
    "smpte240m": ("smpte240m", "smpte240m"),
    "bt2020nc": ("bt2020", "bt2020-10"),
}
PQ, HLG = 16, 18
FULL_RANGE = 2
HD_HEIGHT = 720

_PACKETS_TO_FIRST_FRAME = 500
_STILL_IMAGES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")
_STILL_BRANDS = (b"heic", b"heix", b"mif1", b"avif")
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
    options = {"format_whitelist": ",".join(FORMATS), "fflags": "+genpts"}
    head = file.read(4096)
    if problem := _not_a_video(head):
        raise InputError(f"{name} {problem}")
    file.seek(0)
    try:
        container = av.open(file, "r", options=options)
    except (FFmpegError, ValueError) as error:
        raise InputError(f"{name} {_unreadable(head)}") from error
    try:
        with container:
            yield container
    except FFmpegError as error:
        raise InputError(
            f"{name} is damaged and cannot be read to its end ({error.strerror}): upload it again"
        ) from error


def _not_a_video(head: bytes) -> str:
    if not head:
        return "is empty: upload it again"
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(_PLAYLISTS):
        return "is a playlist, not a video: upload the video itself"
    webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    heif = head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS
    if head.startswith(_STILL_IMAGES) or webp or heif:
        return "is a still image, not a video: upload a video"
    return ""


def _unreadable(head: bytes) -> str:
    if head[4:8] == b"ftyp":
        return "is cut short or damaged (its index is missing): upload it again"
    if _is_text(head):
        return "is text, not a video: upload a video"
    return (
        "is not a video in a format that can be read: "
        "convert it to MP4, MOV, Matroska or WebM and upload it again"
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
    """Return the stream to paint: the one that FFmpeg takes for the best.

    Raises:
        InputError: there is none.
    """
    stream = container.streams.best("video")
    cover = Disposition.attached_pic | Disposition.still_image
    if not isinstance(stream, VideoStream) or stream.disposition & cover:
        raise InputError(f"{name} holds no video, only sound or pictures: upload a video")
    if not cast("object", stream.codec_context):
        raise InputError(f"{name} holds video in a codec that cannot be decoded: convert it first")
    return stream


def check_limits(container: InputContainer, stream: VideoStream, name: str, most: Settings) -> None:
    """Refuse what the header already says to be too big or too long.

    Raises:
        InputError: a limit of the settings is exceeded.
    """
    if stream.width * stream.height > most.max_pixels:
        raise InputError(
            f"{name} has frames of {stream.width}x{stream.height} pixels, more than the limit of "
            f"{most.max_pixels / 1e6:.1f} megapixels: scale it down"
        )
    minutes = (container.duration or 0) / av.time_base / 60
    if minutes > most.max_minutes:
        raise too_long(f"{name} is {minutes:.1f} minutes long", most)
    if stream.frames > most.max_frames:
        raise too_long(f"{name} has {stream.frames} frames", most)


def too_long(what: str, most: Settings) -> InputError:
    """Return the error for a video over the limit of length."""
    return InputError(
        f"{what}; the limit is {most.max_minutes:g} minutes and {most.max_frames} frames: "
        "cut it into parts"
    )


def seeks_exactly(container: InputContainer, stream: VideoStream) -> bool:
    """Whether a decoder can start at any timestamp of this file and hit the very frame."""
    formats = set(container.format.name.split(","))
    if "mov" in formats and stream.codec_context.codec.canonical_name in INEXACT_IN_MOV:
        return False
    return bool(formats & EXACT_FORMATS)


class FrameIndex:
    """Collects the timestamps of a stream's frames from its packets, and one decoded frame.

    Args:
        stream: whose packets are added; used only while its container is open.
        name: of the video, for messages.
        limits: of the settings.

    Attributes:
        time_base: seconds per tick of the timestamps.
        stream_index: of the stream in its container.
    """

    def __init__(self, stream: VideoStream, name: str, limits: Settings) -> None:
        """Start empty."""
        if stream.time_base is None:
            raise InputError(f"{name} has no time base: convert it to MP4 and upload it again")
        self.name = name
        self.time_base = stream.time_base
        self.stream_index = stream.index
        self._stream = stream
        self._limits = limits
        self._durations: dict[int, int] = {}
        self._keyframes: set[int] = set()
        self._packets = 0
        self._hidden = 0
        self._first: VideoFrame | None = None
        self._nominal_step = max(1, round(1 / (stream.average_rate or 25) / stream.time_base))
        # Other containers promise frames that were never written: AVI counts the dropped ones.
        self._promised = stream.frames if "mov" in stream.container.format.name else 0

    def add(self, packet: Packet[Any]) -> None:
        """Take note of one packet of the stream.

        Raises:
            InputError: a frame has no timestamp, no frame can be decoded, or there are too many.
        """
        if not packet.size:
            return
        self._packets += 1
        self._decode_first(packet)
        if packet.is_discard or _is_hidden(packet, self._stream.codec_context.codec.canonical_name):
            self._hidden += 1
            return
        if packet.pts is None:
            raise InputError(
                f"{self.name} has frames without timestamps: convert it to MP4 and upload it again"
            )
        self._durations[packet.pts] = packet.duration or 0
        if packet.is_keyframe:
            self._keyframes.add(packet.pts)
        if len(self._durations) > self._limits.max_frames:
            raise too_long(f"{self.name} has {len(self._durations)} frames or more", self._limits)

    @property
    def pts(self) -> list[int]:
        """Timestamps of the frames in ticks, rising."""
        return sorted(self._durations)

    @property
    def keyframes(self) -> set[int]:
        """Timestamps of the keyframes."""
        return self._keyframes

    @property
    def last_duration(self) -> int:
        """Ticks for which the last frame is shown: as stated, else the average step."""
        pts = self.pts
        average = (pts[-1] - pts[0]) // (len(pts) - 1) if len(pts) > 1 else self._nominal_step
        return self._durations[pts[-1]] or max(1, average)

    @property
    def same_timestamp(self) -> int:
        """How many frames share their timestamp with another."""
        return self._packets - self._hidden - len(self._durations)

    def first_frame(self) -> VideoFrame:
        """Return a decoded frame.

        Raises:
            InputError: the stream ended without one, or before the frames that its index names.
        """
        if not self._durations or self._first is None:
            raise InputError(f"{self.name} holds no frame that can be decoded: upload it again")
        # Some writers count one frame more than they write.
        if self._packets < self._promised - 1:
            raise InputError(
                f"{self.name} is cut short: {self._packets} of its {self._promised} frames are "
                "there: upload it again"
            )
        return self._first

    def _decode_first(self, packet: Packet[Any]) -> None:
        if self._first is not None or self._packets > _PACKETS_TO_FIRST_FRAME:
            return
        try:
            self._first = next(iter(self._stream.decode(packet)), None)
        except InvalidDataError:
            return

    def flush(self) -> None:
        """Take the frame that the decoder held back, where the stream is that short."""
        if self._first is None:
            self._first = next(iter(self._stream.decode(None)), None)


def _is_hidden(packet: Packet[Any], codec: str) -> bool:
    """Whether a packet is a VP8 frame for reference only: show_frame in RFC 6386, section 9.1."""
    return codec == "vp8" and not memoryview(packet)[0] & 0x10


def picture_of(frame: VideoFrame, stream: VideoStream) -> Picture:
    """Say how the source's pixels are to be read and the result's to be tagged.

    Frames know better than the container: in real files the two contradict each other. What
    neither says is what players assume: BT.709 for HD, BT.601 below.

    Args:
        frame: a decoded frame of the stream.
        stream: for the sample aspect ratio.
    """
    hdr = int(frame.color_trc) in {PQ, HLG}
    family = "bt709" if hdr or frame.height >= HD_HEIGHT else "smpte170m"
    matrix = family if hdr else MATRICES.get(int(frame.colorspace), family)
    primaries, transfer = USUAL.get(matrix, ("bt709", "bt709"))
    return Picture(
        width=frame.width,
        height=frame.height,
        sample_aspect_ratio=(stream.sample_aspect_ratio or Fraction(1)).as_integer_ratio(),
        matrix=matrix,
        primaries=primaries if hdr else PRIMARIES.get(int(frame.color_primaries), primaries),
        transfer=transfer if hdr else TRANSFERS.get(int(frame.color_trc), transfer),
        full_range=not hdr and _is_full_range(frame),
        interlaced=bool(frame.interlaced_frame),
        hdr=hdr,
        display_matrix=_display_matrix(frame),
    )


def _is_full_range(frame: VideoFrame) -> bool:
    return int(frame.color_range) == FULL_RANGE or frame.format.name.startswith("yuvj")


def _display_matrix(frame: VideoFrame) -> tuple[int, ...]:
    for data in cast("Iterable[SideData]", frame.side_data):
        if data.type == SideDataType.DISPLAYMATRIX:
            return tuple(memoryview(data).cast("B").cast("i"))
    return ()
