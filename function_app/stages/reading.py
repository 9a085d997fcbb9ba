"""One pass over an upload: its frames are indexed, all but its picture is kept aside."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from typing import IO, Any

import av
from av.container import InputContainer
from av.error import FFmpegError, PatchWelcomeError
from av.packet import Packet
from av.video.stream import VideoStream

from function_app.media.assembly import Assembler
from function_app.media.browsers import is_playable
from function_app.media.captions import Captions
from function_app.media.clock import SHOWN, Clock
from function_app.media.covers import Cover, Covers
from function_app.media.extras import (
    TRACK_HEAD,
    Attachment,
    ExtrasWriter,
    Sidecar,
    chapters_of,
    metadata_of,
)
from function_app.media.formats import formats_of
from function_app.media.frame_index import FrameIndex
from function_app.media.headers import check_readable, header_notes, header_of, holds_another
from function_app.media.inventory import lost
from function_app.media.picture import picture_notes, picture_of
from function_app.media.probe import (
    can_be_copied,
    check_limits,
    find_video,
    open_video,
    seeks_exactly,
)
from function_app.media.programmes import foreign
from function_app.media.tracks import codec_name
from function_app.media.webp import WEBP_HEAD, Animation, is_animated_webp, read_animation
from function_app.options.container import Container
from function_app.settings import settings
from function_app.store import paths, storage
from function_app.store.jobs import Job
from function_app.store.streams import BlobWriter
from gpu_worker.plan import Picture

REMUX_HEAD = 2**20
UNKNOWN_TYPE = "application/octet-stream"
_JUMPS_NAMED = 5
# Containers whose header says how long all is; of others FFmpeg guesses, or the index tells.
_SAYING = {"matroska", "flv"}
# Whose clock goes back where another recording was put behind the first; MP4's where in fragments.
_PUT_TOGETHER = {"matroska", "mov"}
_ANEW = Fraction(1)
"""Seconds by which a track's clock then goes back."""
_MISSING_S, _MISSING = 1.0, 0.02
"""Seconds, and share of the whole, beyond which what is missing is said."""

log = logging.getLogger(__name__)

type Sinks = dict[int, list[Callable[[Packet[Any]], None]]]


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded file that was read.

    Attributes:
        frames: of what is painted.
        picture: likewise.
        notes: what of it is not kept, or not as it was.
        origin: time of the file's that became zero, in seconds.
        seekable: whether a decoder can start at any of its timestamps.
        exact: whether the worker reads it as it is, and no copy.
        playable: whether browsers play it.
    """

    frames: FrameIndex | Animation
    picture: Picture
    notes: tuple[str, ...]
    origin: Fraction = Fraction(0)
    seekable: bool = False
    exact: bool = True
    playable: bool = False


def read(job: Job, file: IO[bytes], form: Container) -> Upload:
    """Read an uploaded file once through, and keep aside all but its picture.

    Raises:
        InputError: it is not a video that can be painted; the sentence says why.
    """
    head = file.read(WEBP_HEAD)
    file.seek(0)
    if is_animated_webp(head):
        return _animation(job, file, form)
    with open_video(file, job.name) as container:
        stream = find_video(container, job.name)
        header = header_of(file, container, stream)
        check_readable(header, job.name)
        check_limits(container, stream, job.name, settings())
        seekable = seeks_exactly(container, stream)
        exact = seekable or not can_be_copied(stream)
        clock, assembler = Clock(container, stream.index), Assembler(stream)
        index = FrameIndex(stream, job.name, settings(), untimed=assembler.untimed)
        reading = _Reading(container, clock, assembler, index)
        strangers = foreign(file, container, stream)
        notes = _one_pass(job, reading, None if exact else stream, form, strangers)
        if reading.another_at is None and holds_another(file, formats_of(container)):
            reading.another_at = reading.shown
        picture = picture_of(first := index.first_frame(), stream, header)
        picture = replace(picture, interlaced=index.interlaced)
        notes += [*_notes(reading), *header_notes(header)]
        playable = is_playable(container, stream, job.name)
        # Who seeks in such a file may come out in the other recording.
        seekable = seekable and reading.another_at is None
    notes += picture_notes(picture, first)
    return Upload(index, picture, tuple(notes), clock.origin, seekable, exact, playable)


def _animation(job: Job, file: IO[bytes], form: Container) -> Upload:
    """Read an animated WebP, beside whose picture is nothing to keep."""
    found = read_animation(file, job.name, settings())
    nothing = Sidecar(container=form)
    storage.write(paths.JOBS, job.folder.sidecar, nothing.to_json(), "application/json")
    return Upload(found, found.picture, found.notes)


@dataclass(slots=True)
class _Reading:
    """An uploaded file while it is read.

    Attributes:
        broken: why reading ended before the file's end; empty where it did not.
        end: when the last packet of all ends, in seconds.
        shown: when the last frame or sound ends, in seconds.
        changes_at: when the file went on in tracks that it did not begin with, in seconds.
        another_at: when another recording followed, in seconds; None where none did.
    """

    container: InputContainer
    clock: Clock
    assembler: Assembler
    index: FrameIndex
    broken: list[str] = field(default_factory=list[str])
    end: float = 0.0
    shown: float = 0.0
    changes_at: float | None = None
    another_at: float | None = None
    _latest: dict[int, Fraction] = field(default_factory=dict[int, Fraction])
    _anew: set[int] = field(default_factory=set[int])

    def packets(self, streams: Iterable[int]) -> Iterator[tuple[int, Packet[Any]]]:
        """Yield the packets of streams, one a frame of the picture, each with its stream's index.

        Their times are those of the result.
        """
        may_begin_anew = bool(formats_of(self.container) & _PUT_TOGETHER)
        for packet in self.clock.timed(self._read(streams)):
            if may_begin_anew and self._is_anothers(packet):
                if self._latest.keys() <= self._anew:
                    break
                continue
            if packet.pts is not None:
                self._count((packet.pts + (packet.duration or 0)) * packet.time_base, packet)
            if packet.stream.index != self.index.stream_index:
                yield packet.stream.index, packet
                continue
            for whole in self.assembler.add(packet):
                yield self.index.stream_index, whole
        for whole in self.assembler.flush():
            yield self.index.stream_index, whole

    def _is_anothers(self, packet: Packet[Any]) -> bool:
        """Whether a packet is of another recording.

        What is seen and heard tells it, each track by itself: in fragments one may end later than
        another. What is neither, such as a text, is left out from the first of them on.
        """
        if self._begins_anew(packet):
            self._anew.add(packet.stream.index)
            if self.another_at is None:
                self.another_at = self.shown
        if packet.stream.type in SHOWN:
            return packet.stream.index in self._anew
        return self.another_at is not None

    def _begins_anew(self, packet: Packet[Any]) -> bool:
        """Whether a track's part of another recording begins.

        Frames that refer to later ones come after them, at a low rate by seconds; where a decoder
        can enter, nothing does.
        """
        if packet.pts is None or packet.stream.type not in SHOWN:
            return False
        time = packet.pts * packet.time_base
        latest = self._latest.setdefault(packet.stream.index, time)
        self._latest[packet.stream.index] = max(latest, time)
        return packet.is_keyframe and time < latest - _ANEW

    def _count(self, end: Fraction, packet: Packet[Any]) -> None:
        self.end = max(self.end, float(end))
        if packet.stream.type in SHOWN:
            self.shown = max(self.shown, float(end))

    @property
    def promised_s(self) -> float:
        """How long the header says that the file is, in seconds; 0 where headers do not."""
        duration = (self.container.duration or 0) / av.time_base
        return duration if formats_of(self.container) & _SAYING else 0.0

    def _read(self, streams: Iterable[int]) -> Iterator[Packet[Any]]:
        """Yield the packets of streams, up to where the file cannot be read, as ffmpeg does."""
        chosen = [self.container.streams[number] for number in streams]
        packets = self.container.demux(chosen)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except IndexError:  # of a track that was not there when the file was opened
                self.changes_at = self.end if self.changes_at is None else self.changes_at
                packets = self.container.demux(chosen)
                continue
            except FFmpegError as error:
                self.broken.append(_why(error))
                return
            yield packet


def _why(error: FFmpegError) -> str:
    if isinstance(error, PatchWelcomeError):  # whose words are for programmers
        return "FFmpeg cannot read what follows"
    return error.strerror or type(error).__name__


def _notes(reading: _Reading) -> list[str]:
    """Say what of the frames and their times is not as the file has it."""
    clock, index = reading.clock, reading.index
    notes = [
        f"the file cannot be read to its end ({why}): what comes before is painted"
        for why in reading.broken
    ]
    if reading.changes_at is not None:
        notes.append(
            f"from {reading.changes_at:.1f} s on the file goes on in other tracks: they are left "
            "out; to have them painted, cut it there and upload the parts"
        )
    if reading.another_at is not None:
        notes.append(
            f"after {reading.another_at:.1f} s another recording begins: it is left out; to have "
            "it painted, upload it as a file of its own"
        )
    # Of an FLV that does not say how long it is, FFmpeg counts from its clock's zero.
    early = max(0.0, float(clock.origin))
    said, there = reading.promised_s, reading.end + early
    if said - there > max(_MISSING_S, _MISSING * said):
        notes.append(
            f"the file is cut short: it says that it lasts {said:.1f} s, and picture and sound of "
            f"{reading.shown + early:.1f} s are there"
        )
    if index.cut_off and reading.another_at is None:
        notes.append(
            "the file is cut short: frames of its last fragment that are not there: "
            f"{index.cut_off}"
        )
    if index.same_timestamp:
        notes.append(
            f"frames left out, for they share their timestamp with another: {index.same_timestamp}"
        )
    if index.undecodable:
        notes.append(
            "frames left out at the beginning, for they refer to what came before the file: "
            f"{index.undecodable}"
        )
    if clock.jumps:
        times = ", ".join(f"{float(time):.1f} s" for time in clock.jumps[:_JUMPS_NAMED])
        notes.append(f"its clock jumps: from {times} on, what follows is joined on")
    return notes


def _one_pass(
    job: Job,
    reading: _Reading,
    remuxed: VideoStream | None,
    container: Container,
    strangers: Collection[int],
) -> list[str]:
    """Hand every packet to whom it concerns; return what cannot be kept."""
    source, index = reading.container, reading.index
    open_track = partial(_extra, job, container)
    extras = ExtrasWriter(source, container, open_track, strangers)
    remuxer = _Remuxer(job, remuxed) if remuxed else None
    sinks: Sinks = {track: [sink] for track, sink in extras.sinks.items()}
    covers = Covers(source, container)
    sinks |= {track: [sink] for track, sink in covers.sinks.items()}
    captions = Captions(codec_name(source.streams[index.stream_index]))
    sinks[index.stream_index] = [index.add, captions.add, *([remuxer.add] if remuxer else [])]
    for stream, packet in reading.packets(sinks):
        for sink in sinks[stream]:
            sink(packet)
    index.flush()
    index.first_frame()
    if remuxer:
        remuxer.close()
    sidecar = Sidecar(
        chapters_of(source),
        metadata_of(source),
        extras.close() + captions.keep(_shown(index), container, open_track),
        extras.defaults,
        _attachments(job, source, covers.kept, container),
        container,
    )
    storage.write(paths.JOBS, job.folder.sidecar, sidecar.to_json(), "application/json")
    notes = [*extras.notes, *covers.notes, *captions.notes]
    return [*notes, *lost(source, index.stream_index, container, strangers)]


def _shown(index: FrameIndex) -> dict[int, Fraction]:
    """Return when the frame of each timestamp is shown, in seconds."""
    seconds = (tick * index.time_base for tick in index.times)
    return dict(zip(index.pts, seconds, strict=True))


def _attachments(
    job: Job, source: InputContainer, covers: Iterable[Cover], container: Container
) -> tuple[Attachment, ...]:
    """Put aside what is attached: covers, and of Matroska whatever else there is."""
    files = [(each.name, each.media_type, each.content) for each in covers]
    if container is Container.MKV:
        files += [
            (stream.name or f"attachment-{stream.index:03}", stream.mimetype or UNKNOWN_TYPE,
             stream.data or b"")
            for stream in source.streams.attachments
        ]  # fmt: skip
    kept: list[Attachment] = []
    for number, (name, media_type, content) in enumerate(files):
        file = f"attachment-{number:03}"
        storage.write(paths.JOBS, job.folder.extra(file), content, media_type)
        kept.append(Attachment(name, media_type, file))
    return tuple(kept)


def _extra(job: Job, container: Container, name: str) -> BlobWriter:
    blob = storage.blob(paths.JOBS, job.folder.extra(name))
    return BlobWriter(blob, TRACK_HEAD, container.content_type)


class _Remuxer:
    """Copies the video stream to Matroska, where seeking is exact to the frame."""

    def __init__(self, job: Job, stream: VideoStream) -> None:
        self._blob = BlobWriter(
            storage.blob(paths.JOBS, job.folder.source(".mkv")), REMUX_HEAD, "video/x-matroska"
        )
        self._container = av.open(self._blob, "w", format="matroska")
        self._last = -(2**62)
        # Opaque: copied, so that no encoder need be there.
        self._stream = self._container.add_stream_from_template(stream, opaque=True)

    def add(self, packet: Packet[Any]) -> None:
        if not packet.size or packet.pts is None:
            return
        # Where parts of a file were joined on, a frame may be decoded no later than one before.
        packet.dts = min(
            packet.pts, max(packet.pts if packet.dts is None else packet.dts, self._last)
        )
        self._last = packet.dts
        packet.stream = self._stream
        try:
            self._container.mux(packet)
        except FFmpegError as error:  # the frame is missed when the copy is read
            log.warning("a frame cannot be copied: %s", error)

    def close(self) -> None:
        self._container.close()
        self._blob.commit()
