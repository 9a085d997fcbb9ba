"""Which videos browsers play by themselves, as Chromium, Firefox and Safari all do.

https://developer.mozilla.org/docs/Web/Media/Guides/Formats/Containers says which codecs each takes
in which container.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from av.container import InputContainer
from av.video.stream import VideoStream

from function_app.media.formats import formats_of

IN_MP4 = frozenset({"h264", "av1", "vp9"})
IN_WEBM = frozenset({"vp8", "vp9", "av1"})
PIXELS = frozenset({"yuv420p", "yuvj420p"})


def is_playable(container: InputContainer, stream: VideoStream, name: str) -> bool:
    """Whether a browser plays a video as it was uploaded.

    Args:
        container: of the video, opened.
        stream: its picture.
        name: of the file, by whose ending alone WebM is known from other Matroska.
    """
    formats = formats_of(container)
    is_webm = PurePosixPath(name).suffix.lower() == ".webm"
    codec = stream.codec_context.codec.canonical_name
    codecs = IN_MP4 if "mp4" in formats else IN_WEBM if "webm" in formats and is_webm else ()
    return codec in codecs and stream.codec_context.pix_fmt in PIXELS
