"""The proof: the finished result, read back as players read it, holds what it was to hold.

It is demuxed by FFmpeg, as by all players that are built on it, and its index is read again as
the standard says. Every frame of the plan must be delivered at its time, and every packet of the
kept tracks likewise. What differs is this app's fault.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import IO, Any

import av
from av.error import FFmpegError
from av.packet import Packet

from function_app.errors import Code, ServiceError
from function_app.media.extras import COVER, KEPT, Sidecar
from function_app.media.iso_index import Track, read_index
from function_app.media.tracks import MPEG_AUDIO
from function_app.options.container import MOVIE_TIMESCALE, Container
from gpu_worker.plan import Plan, Timeline

# Timed text has a packet for each gap between texts: two bytes, which say that none follow.
EMPTY_TEXT = 2
BESIDE = {"text", "tmcd"}
"""Handlers of the tracks in which an MP4 has its chapters and its timecode."""
SOUND = "soun"
EDIT_TICK = Fraction(1, MOVIE_TIMESCALE)
MILLISECOND = Fraction(1, 1000)
"""What Matroska rounds to: how long the last packet of a track lasts is known no better."""


class DiffersError(ServiceError):
    """A result does not hold what it was to hold."""

    def __init__(self, difference: str) -> None:
        """Say what differs."""
        super().__init__(f"the result is not what it should be: {difference}", Code.BAD_RESULT)


@dataclass(slots=True)
class _Stream:
    """What a demuxer delivers of a stream.

    Attributes:
        kind: video, audio or subtitle.
        codec: its name.
        tick: seconds per tick of the times.
        times: of its packets, in the order of delivery.
        bytes: of all its packets.
    """

    kind: str
    codec: str
    tick: Fraction
    times: array[int] = field(default_factory=lambda: array("q"))
    bytes: int = 0

    @property
    def family(self) -> str:
        """The codec, those that MP4 does not tell apart under one name."""
        return "mpeg audio" if self.codec in MPEG_AUDIO else self.codec

    def take(self, packet: Packet[Any]) -> None:
        is_nothing = packet.size <= (EMPTY_TEXT if self.codec == "mov_text" else 0)
        # Sound that is discarded leads a decoder in, and is there to be delivered.
        if is_nothing or packet.pts is None or (self.kind == "video" and packet.is_discard):
            return
        self.times.append(packet.pts)
        self.bytes += packet.size


def prove(result: IO[bytes], plan: Plan, tracks: Sequence[IO[bytes]], sidecar: Sidecar) -> None:
    """Prove a result to hold each frame of its plan and each packet of its tracks, at their times.

    Args:
        result: seekable; read by ranges, once through.
        plan: names the frames and their times.
        tracks: the kept tracks, in files of the same container.
        sidecar: names the container, and what is attached.

    Raises:
        DiffersError: it does not.
    """
    _check_attached(result, sidecar)
    video, *others = _delivered(result)
    _check_times("frames", video.times, video.tick, plan.result, plan.result.seconds_per_tick)
    kept = [stream for track in tracks for stream in _delivered(track)]
    if [each.family for each in others] != [each.family for each in kept]:
        said, right = (", ".join(each.codec for each in each_side) or "none"
                       for each_side in (others, kept))  # fmt: skip
        raise DiffersError(f"tracks beside the picture that can be read are {said}, not {right}")
    for number, (track, given) in enumerate(zip(others, kept, strict=True), 1):
        packets = f"{given.codec} packets of track {number}"
        _check_times(packets, track.times, track.tick, given.times, given.tick)
        if track.bytes != given.bytes:
            raise DiffersError(f"track {number} has {track.bytes} bytes, not {given.bytes}")
    if sidecar.container is Container.MP4:
        _check_index(result, tracks, plan.result)


def _check_attached(result: IO[bytes], sidecar: Sidecar) -> None:
    """Count the attachments, of which FFmpeg takes pictures for covers."""
    wanted = len(sidecar.attachments)
    try:
        with av.open(result, "r") as container:
            covers = [each for each in container.streams.video if each.disposition & COVER]
            found = len(covers) + len(container.streams.attachments)
    except FFmpegError as error:
        raise DiffersError(f"it cannot be read ({error.strerror})") from error
    result.seek(0)
    if found != wanted:
        raise DiffersError(f"it has {found} attachments, not {wanted}")


def _delivered(file: IO[bytes]) -> list[_Stream]:
    try:
        with av.open(file, "r") as container:
            found = {
                stream.index: _Stream(
                    stream.type, stream.codec_context.codec.canonical_name, stream.time_base
                )
                for stream in container.streams
                if stream.type in {"video", *KEPT} and stream.time_base is not None
                if not stream.disposition & COVER
            }
            for packet in container.demux([container.streams[index] for index in found]):
                found[packet.stream.index].take(packet)
    except FFmpegError as error:
        raise DiffersError(f"it cannot be read ({error.strerror})") from error
    file.seek(0)
    return list(found.values())


def _check_times(
    what: str, times: Iterable[int], tick: Fraction, planned: Iterable[int], planned_tick: Fraction
) -> None:
    """Compare times to a tick of the result's: of its packets, or of the edits that place them."""
    found, wanted = sorted(times), sorted(planned)
    if len(found) != len(wanted):
        raise DiffersError(f"a player reaches {len(found)} {what}, not {len(wanted)}")
    tolerance = max(tick, EDIT_TICK)
    # In integers, as a film has hundreds of thousands.
    unit = Fraction(1, math.lcm(*(each.denominator for each in (tick, planned_tick, tolerance))))
    of_found, of_wanted, most = (int(each / unit) for each in (tick, planned_tick, tolerance))
    for number, (one, other) in enumerate(zip(found, wanted, strict=True)):
        if abs(one * of_found - other * of_wanted) > most:
            seconds, right = float(one * tick), float(other * planned_tick)
            raise DiffersError(
                f"of the {what}, number {number} comes at {seconds:.6f} s, not at {right:.6f} s"
            )


def _check_index(result: IO[bytes], tracks: Iterable[IO[bytes]], frames: Timeline) -> None:
    """Compare what the index shows by the standard with what it should show."""
    try:
        video, *others = _shown_tracks(result)
        kept = [track for file in tracks for track in _shown_tracks(file)]
    except ValueError as error:
        raise DiffersError(str(error)) from error
    unit = Fraction(1, video.timescale * video.movie_timescale)
    _check_times("frames of the index", video.samples(), unit, frames, frames.seconds_per_tick)
    start = frames.first * frames.seconds_per_tick
    _check_shown("the picture", video, [(start, start + frames.duration)])
    for number, (track, given) in enumerate(zip(others, kept, strict=True), 1):
        # Of how long its last packet is heard, MP4 knows less than the container that it came from.
        _check_shown(f"track {number}", track, given.shown(), MILLISECOND, _longest_packet(track))


def _shown_tracks(file: IO[bytes]) -> list[Track]:
    return [track for track in read_index(file) if track.handler not in BESIDE]


def _longest_packet(track: Track) -> Fraction:
    """Return the seconds of a sound's longest packet; zero for what is no sound."""
    if track.handler != SOUND:
        return Fraction(0)
    steps = (after - before for before, after in pairwise(track.times))
    return Fraction(max(steps, default=track.duration), track.timescale)


def _check_shown(
    what: str,
    track: Track,
    planned: list[tuple[Fraction, Fraction]],
    tolerance: Fraction = EDIT_TICK,
    at_end: Fraction = Fraction(0),
) -> None:
    """Compare from when to when a track is shown, to its own tick at least."""
    found, tolerance = track.shown(), max(Fraction(1, track.timescale), tolerance)
    is_right = len(found) == len(planned) and all(
        abs(start - right) <= tolerance and abs(end - right_end) <= max(tolerance, at_end)
        for (start, end), (right, right_end) in zip(found, planned, strict=True)
    )
    if not is_right:
        said, right = (", ".join(f"{float(a):.6f}-{float(b):.6f}" for a, b in spans)
                       for spans in (found, planned))  # fmt: skip
        raise DiffersError(f"{what} is shown at {said} s, not at {right} s")
