"""What lies in a video file beside what is painted and heard: which track is painted, what is lost.

Everything that a result does not keep is said, a sentence each.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import timedelta
from fractions import Fraction
from typing import cast

import av
from av.container import InputContainer
from av.stream import AttachmentStream, Disposition, Stream
from av.video.stream import VideoStream

from function_app.media.extras import COVER, KEPT
from function_app.media.tracks import codec_name
from function_app.options.container import Container

# Tracks that were made of one recording differ by their last frame.
ALIKE_S = 0.5


def painted_track(container: InputContainer) -> VideoStream | None:
    """Return the track to paint: the longest; of equals the default one, then the largest.

    Cover pictures do not count. None where there is no other.
    """
    videos = [stream for stream in container.streams.video if not stream.disposition & COVER]
    # Of a track without a decoder not even the size is known.
    known = [stream for stream in videos if _has_decoder(stream)]
    if not known:
        return next(iter(videos), None)
    lengths = {stream.index: seconds_of(container, stream) for stream in known}
    longest = [s for s in known if lengths[s.index] >= max(lengths.values()) - ALIKE_S]
    return max(longest, key=lambda stream: (_is_default(stream), stream.width * stream.height))


def seconds_of(container: InputContainer, stream: VideoStream) -> float:
    """Return how long a track is, as far as its headers tell; else as long as all."""
    if stream.frames == 1:
        return 0.0
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    said = {key.lower(): value for key, value in stream.metadata.items()}.get("duration", "")
    try:
        hours, minutes, seconds = said.split(":")
        return float(timedelta(hours=int(hours), minutes=int(minutes)).total_seconds()) + float(
            Fraction(seconds)
        )
    except ValueError:
        return (container.duration or 0) / av.time_base


def lost(
    container: InputContainer, painted: int, form: Container, foreign: Collection[int] = ()
) -> Iterator[str]:
    """Yield a sentence for each track that is neither painted nor kept.

    Args:
        container: of the source.
        painted: index of its track that is painted.
        form: the container of the result.
        foreign: indices of tracks of other programmes.
    """
    for stream in container.streams:
        if stream.type in KEPT and stream.index in foreign:
            yield f"track {stream.index} belongs to another programme than the picture: left out"
        if stream.index == painted and _has_alpha_apart(stream):
            yield "transparency, which is in a layer of its own, is left out"
        if stream.index == painted or stream.type in KEPT:
            continue
        if isinstance(stream, AttachmentStream):
            if form is Container.MP4:
                yield f"the attachment {stream.name} cannot be kept in MP4: left out"
        elif isinstance(stream, VideoStream) and not stream.disposition & COVER:
            yield _unpainted(stream, painted)
        elif isinstance(stream, VideoStream):
            continue  # a cover, which who keeps those speaks of
        elif not _is_timecode(stream) and not _is_chapters(container, stream):
            yield f"the data of track {stream.index} ({_label(stream)}) are not kept"


def _unpainted(stream: VideoStream, painted: int) -> str:
    size = f"{stream.width}x{stream.height}" if _has_decoder(stream) else "in an unknown codec"
    return (
        f"of several pictures track {painted} is painted, and track {stream.index} "
        f"({size}) left out: the longest is painted, of equals the "
        "default one, then the largest"
    )


def _has_alpha_apart(stream: Stream) -> bool:
    """Whether blocks of WebM hold alpha beside the picture, which FFmpeg's decoders leave out."""
    return {key.lower(): value for key, value in stream.metadata.items()}.get("alpha_mode") == "1"


def _label(stream: Stream) -> str:
    said = {key.lower(): value.strip() for key, value in stream.metadata.items()}
    return said.get("handler_name") or codec_name(stream)


def _is_timecode(stream: Stream) -> bool:
    """Whether a track is a timecode, which the metadata hold too."""
    return "timecode" in {key.lower() for key in stream.metadata}


def _is_chapters(container: InputContainer, stream: Stream) -> bool:
    """Whether a track is what MP4 and MOV have their chapters in: a text at the start of each."""
    starts = [each["start"] * (each["time_base"] or 1) for each in container.chapters()]
    if not starts or stream.time_base is None or len(stream.index_entries) != len(starts):
        return False
    return starts == [each.timestamp * stream.time_base for each in stream.index_entries]


def _has_decoder(stream: VideoStream) -> bool:
    return cast("object", stream.codec_context) is not None


def _is_default(stream: VideoStream) -> bool:
    return bool(stream.disposition & Disposition.default)
