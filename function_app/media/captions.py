"""Closed captions (CEA-608, CEA-708), which lie within the coded pictures and go with them.

What a television shows at first, channel 1 of CEA-608, is kept as a track of subtitles of its own.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

import av
from av.packet import Packet
from av.stream import Disposition, Stream
from av.subtitles.stream import SubtitleStream

from function_app.media.timed_text import (
    ASS_FIELDS,
    ASS_HEADER,
    HARD_SPACE,
    LAST_TEXT_S,
    is_text,
)
from function_app.media.tracks import SURPRISES, OpenTrack, Track
from function_app.options.container import Container
from function_app.store.streams import BlobWriter

# ATSC A/53 part 4, 6.2.3: "GA94", and the type of what follows, in H.264, H.265 and MPEG-2 alike.
_IDENTIFIER: Final = b"GA94\x03"
_COUNT, _VALID, _TYPE, _CHARACTERS = 0x1F, 0x04, 0x03, 0x7F
_FIELDS: Final = (0, 1)
_FIRST_FIELD: Final = 0
# CEA-608: pairs whose first byte is below 0x20 are commands, and this bit of it is their channel.
_COMMANDS, _SECOND_CHANNEL = range(0x10, 0x20), 0x08
# In H.264 and H.265 a 3 stands between two zeros and what would pass for a start code.
_ESCAPING: Final = {"h264", "hevc"}
_ESCAPED, _PLAIN = b"\0\0\3", b"\0\0"
_LONGEST: Final = 2 + 3 * _COUNT
MOST_PAIRS: Final = 2_000_000
"""Pairs of characters that are kept of one video: of eighteen hours at 30 a second."""
LINE_21: Final = "eia_608"
"""Codec of tracks that hold nothing but CEA-608."""
FILE: Final = "captions"
TITLE: Final = "Closed captions"
NOTE: Final = "closed captions (CEA-608 or 708) within the picture are not kept"
KEPT: Final = "closed captions within the picture: channel 1 of CEA-608 is kept as subtitles"


class Captions:
    """Watches the packets of a picture for captions.

    Args:
        codec: of the picture, by its own name.

    Attributes:
        notes: a sentence if there are any, beyond the padding that many encoders write; after
            `keep` it says what became of them.
    """

    def __init__(self, codec: str) -> None:
        """Have seen nothing yet."""
        self.notes: list[str] = []
        self._codec = codec
        self._pairs: list[tuple[int, bytes]] = []

    def add(self, packet: Packet[Any]) -> None:
        """Look at one packet."""
        found = [each for each in triplets(bytes(packet), self._codec) if _is_shown(each)]
        if found:
            self.notes = [NOTE]
        if packet.pts is not None and len(self._pairs) < MOST_PAIRS:
            self._pairs += [(packet.pts, pair) for pair in _of_first_field(found)]

    def keep(
        self, times: Mapping[int, Fraction], container: Container, open_track: OpenTrack
    ) -> tuple[str, ...]:
        """Write them as subtitles; return the name of the track's file, if there are any.

        Args:
            times: when the frame of each timestamp is shown, in seconds; others show nothing.
            container: of the result.
            open_track: gives the writer of a track's file by its name.
        """
        self._pairs.sort(key=lambda pair: pair[0])
        script = _script([(times[pts], pair) for pts, pair in self._pairs if pts in times])
        if not script:
            return ()
        name = FILE + container.suffix
        writer = open_track(name)
        if not _written(script, container, writer, {"title": TITLE}, Disposition.captions):
            return ()
        writer.commit()
        self.notes = [KEPT]
        return (name,)


class CaptionTrack:
    """Keeps a track of CEA-608, whose texts are known only when they are gone, as subtitles.

    Args:
        source: the track.
        container: of the result.
        out: where its file goes.

    Attributes:
        notes: a sentence where it is not kept; complete after `close`.
    """

    def __init__(self, source: Stream, container: Container, out: BlobWriter) -> None:
        """Have seen nothing yet."""
        self.notes: list[str] = []
        self._source = source
        self._container = container
        self._blob = out
        self._pairs: list[tuple[Fraction, bytes]] = []

    def __call__(self, packet: Packet[Any]) -> None:
        """Take the track's next packet."""
        if packet.pts is None or len(self._pairs) >= MOST_PAIRS:
            return
        found = map(bytes, itertools.batched(bytes(packet), 3))
        shown = [each for each in found if len(each) == 3 and _is_shown(each)]
        time = packet.pts * packet.time_base
        self._pairs += [(time, pair) for pair in _of_first_field(shown)]

    def close(self) -> bool:
        """Finish the track's file, but do not commit it; return whether there is one to keep."""
        script, source = _script(self._pairs), self._source
        if script and _written(
            script, self._container, self._blob, source.metadata, source.disposition
        ):
            return True
        self.notes = [f"the captions (CEA-608) of track {source.index} show nothing: left out"]
        return False


def triplets(content: bytes, codec: str) -> Iterator[bytes]:
    """Yield the triplets of captions in a coded picture: of what kind, and two bytes of it."""
    at = content.find(_IDENTIFIER)
    while at >= 0:
        at += len(_IDENTIFIER)
        message = content[at : at + 2 * _LONGEST]
        if codec in _ESCAPING:
            message = message.replace(_ESCAPED, _PLAIN)
        count = message[0] & _COUNT if message else 0
        whole = (message[each : each + 3] for each in range(2, 2 + 3 * count, 3))
        yield from (each for each in whole if len(each) == 3)
        at = content.find(_IDENTIFIER, at)


def _is_shown(triplet: bytes) -> bool:
    head, first, second = triplet
    if not head & _VALID:
        return False
    return head & _TYPE not in _FIELDS or bool((first | second) & _CHARACTERS)


def _of_first_field(found: Iterable[bytes]) -> Iterator[bytes]:
    return (each[1:] for each in found if each[0] & _TYPE == _FIRST_FIELD)


def _of_channel_1(
    pairs: Iterable[tuple[Fraction, bytes]],
) -> Iterator[tuple[Fraction, bytes]]:
    """Leave out what a command of the other channel begins."""
    is_first = True
    for time, pair in pairs:
        if (command := pair[0] & _CHARACTERS) in _COMMANDS:
            is_first = not command & _SECOND_CHANNEL
        if is_first:
            yield time, pair


def _script(pairs: Iterable[tuple[Fraction, bytes]]) -> bytes:
    """Decode channel 1 of pairs, each with its time in seconds, into a script of subtitles (ASS).

    It is empty where they show nothing.
    """
    shown = list(_of_channel_1(pairs))
    times = [time for time, _ in shown]
    lines: list[bytes] = []
    if not times:
        return b""
    with av.open(io.BytesIO(_scc(pair for _, pair in shown)), "r", format="scc") as source:
        stream = source.streams.subtitles[0]
        for packet in source.demux(stream):
            lines += _lines(stream, packet, times)
    return ASS_HEADER + b"\n".join(lines) if lines else b""


def _written(
    script: bytes,
    container: Container,
    out: BlobWriter,
    metadata: Mapping[str, str],
    disposition: Disposition,
) -> bool:
    """Write a script as a track of subtitles; return whether there is one to keep."""
    with av.open(io.BytesIO(script), "r", format="ass") as source:
        stream = source.streams.subtitles[0]
        stream.metadata.update(metadata)
        stream.disposition = disposition
        track = Track(stream, container, out)
        for packet in source.demux(stream):
            track(packet)
        return track.close()


def _scc(pairs: Iterable[bytes]) -> bytes:
    """Write the n-th pair as of second n (Scenarist Closed Captions).

    Its own times are of 33 ms. By their numbers the pairs' true times are found again.
    """
    numbered = (
        f"{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}:00\t{pair.hex()}\n\n"
        for n, pair in enumerate(pairs)
    )
    return ("Scenarist_SCC V1.0\n\n" + "".join(numbered)).encode()


def _lines(
    stream: SubtitleStream, packet: Packet[Any], times: Sequence[Fraction]
) -> Iterator[bytes]:
    """Yield what a packet ends the showing of, as lines of a script."""
    try:
        shown = stream.codec_context.decode2(packet)
    except SURPRISES:
        return
    if shown is None:
        return
    first = shown.pts // av.time_base
    last = first + shown.end_display_time // 1000
    begin = times[min(first, len(times) - 1)]
    end = times[last] if last < len(times) else begin + LAST_TEXT_S
    for rect in filter(is_text, shown):
        text = rect.ass.split(b",", ASS_FIELDS)[-1].replace(HARD_SPACE, b" ")
        yield f"Dialogue: 0,{_clock(begin)},{_clock(end)},Default,,0,0,0,,".encode() + text


def _clock(time: Fraction) -> str:
    hundredths = round(max(time, Fraction(0)) * 100)
    seconds, hundredths = divmod(hundredths, 100)
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{hundredths:02}"
