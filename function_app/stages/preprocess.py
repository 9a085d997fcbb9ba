"""Preprocessing: from an uploaded video to a plan, in one pass over its packets."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from functools import partial
from itertools import accumulate
from pathlib import PurePosixPath
from typing import IO, Any

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from function_app.errors import Code, InputError
from function_app.media.assembly import Assembler
from function_app.media.browsers import is_playable
from function_app.media.captions import Captions
from function_app.media.clock import Clock
from function_app.media.covers import Cover, Covers
from function_app.media.extras import (
    TRACK_HEAD,
    Attachment,
    ExtrasWriter,
    Sidecar,
    chapters_of,
    metadata_of,
)
from function_app.media.frame_index import FrameIndex
from function_app.media.headers import check_readable, header_notes, header_of
from function_app.media.inventory import lost
from function_app.media.picture import picture_notes, picture_of
from function_app.media.probe import (
    can_be_copied,
    check_limits,
    find_video,
    open_video,
    seeks_exactly,
    too_long,
)
from function_app.media.programmes import foreign
from function_app.media.tracks import codec_name
from function_app.media.webp import WEBP_HEAD, Animation, is_animated_webp, read_animation
from function_app.options.blending import blend_of
from function_app.options.container import CONTAINER, Container, container_of
from function_app.scheduling import cost
from function_app.settings import settings
from function_app.store import paths, shares, storage, styles
from function_app.store.jobs import Job, Work
from function_app.store.streams import BlobReader, BlobWriter, buffered, copy_blob
from function_app.store.uploads import check_declared
from gpu_worker.plan import (
    LINES_SUFFIX,
    REACH,
    Blend,
    Encoding,
    Picture,
    Plan,
    Shard,
    Timeline,
    cut_shards,
)

SHARDS_PER_RANK = 4
SHARD_SECONDS = 4
SHORTEST_STEADIED = 4 * REACH
"""Frames in a shard at least where neighbours are painted along: then these are half as many."""
REMUX_HEAD = 2**20
UNKNOWN_TYPE = "application/octet-stream"
_JUMPS_NAMED = 5
_LONGEST_NOTE, _MOST_OF_NOTES = 400, 2**13
"""Characters of a note, and of all in JSON: the status that holds them may have 16 KiB."""
# Containers whose header says how long all is; of others FFmpeg guesses, or the index tells.
_SAYING = {"matroska", "flv"}
_MISSING_S, _MISSING = 1.0, 0.02
"""Seconds, and share of the whole, beyond which what is missing is said."""

log = logging.getLogger(__name__)

type Sinks = dict[int, list[Callable[[Packet[Any]], None]]]


def preprocess(job: Job) -> Work:
    """Prove a video usable, keep aside all but its picture, and plan its painting.

    Writes the plan, the extras and the sidecar, and a copy of the video where the worker could
    not read the upload itself. Doing it again gives the same.

    Raises:
        InputError: the video or the style cannot be used; the sentence says why.
    """
    job.video.check()
    style = styles.usable(job.style)
    reader = _reader(job)
    blend, form = blend_of(reader.metadata), container_of(reader.metadata)
    upload = _read(job, buffered(reader), form)
    work, source, timeline = _source(job, upload)
    amount = cost.megapixels(len(upload.frames.pts), upload.picture, style.flop_per_pixel)
    nodes = cost.nodes_for(amount, settings())
    estimate = cost.estimate(amount, nodes, settings())
    _check_cost(job, estimate)
    reach = REACH if style.paints and blend.strength else 0
    plan = replace(_plan(job, upload, source, blend, nodes, reach), source=timeline)
    plan = replace(plan, needs_proxy=not style.makes_lines and not upload.playable)
    if style.makes_lines:
        plan = replace(plan, shards=tuple(_for_lines(shard) for shard in plan.shards))
    expected = {shares.EXPECTED: f"{cost.node_seconds(amount, settings()):.1f}"}
    storage.write(paths.JOBS, job.folder.plan, plan.to_json(), "application/json", expected)
    return Work(
        *work,
        plan.frame_count,
        nodes,
        _told(upload.notes),
        estimate,
        awaits_style=style.job_id is not None,
        makes_lines=plan.makes_lines,
        options={**asdict(blend), CONTAINER: str(form)},
    )


def _told(notes: Sequence[str]) -> tuple[str, ...]:
    """Return as many notes as a job's status holds, and how many there are beyond."""
    short = [note if len(note) <= _LONGEST_NOTE else f"{note[:_LONGEST_NOTE]}..." for note in notes]
    sizes = accumulate(len(json.dumps(note)) for note in short)
    kept = sum(size <= _MOST_OF_NOTES for size in sizes)
    beyond = [f"there are {more} notes more"] if (more := len(short) - kept) else []
    return (*short[:kept], *beyond)


def _for_lines(shard: Shard) -> Shard:
    return replace(shard, suffix=LINES_SUFFIX)


def _check_cost(job: Job, estimate: float | None) -> None:
    limits = settings()
    most = min(limits.max_cost_per_job or math.inf, limits.max_cost_per_day or math.inf)
    if estimate is not None and estimate > most:
        raise InputError(
            f"{job.name} would cost about {estimate:.2f} {limits.price_currency} to paint, more "
            f"than the limit of {most:.2f}: cut it into parts, or upload it smaller",
            Code.TOO_EXPENSIVE,
        )


def _reader(job: Job) -> BlobReader:
    reader = BlobReader(storage.blob(paths.VIDEOS, job.video.blob))
    if not job.is_of(reader.etag):
        raise InputError(
            f"{job.name} was replaced by a newer upload, which has a job of its own", Code.REPLACED
        )
    if reader.size > settings().max_bytes:
        raise InputError(
            f"{job.name} has {reader.size / 2**20:.0f} MiB, more than the limit of "
            f"{settings().max_bytes / 2**20:.0f} MiB: cut it into parts or encode it smaller",
            Code.TOO_LARGE,
        )
    check_declared(job, reader)
    return reader


@dataclass(frozen=True, slots=True)
class _Upload:
    """An uploaded file, once it was read.

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


def _read(job: Job, file: IO[bytes], form: Container) -> _Upload:
    """Read an uploaded file once through, and keep aside all but its picture."""
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
        picture = picture_of(first := index.first_frame(), stream, header)
        picture = replace(picture, interlaced=index.interlaced)
        notes += [*_notes(reading), *header_notes(header)]
        playable = is_playable(container, stream, job.name)
    notes += picture_notes(picture, int(first.color_trc))
    return _Upload(index, picture, tuple(notes), clock.origin, seekable, exact, playable)


def _animation(job: Job, file: IO[bytes], form: Container) -> _Upload:
    """Read an animated WebP, beside whose picture is nothing to keep."""
    found = read_animation(file, job.name, settings())
    nothing = Sidecar(container=form)
    storage.write(paths.JOBS, job.folder.sidecar, nothing.to_json(), "application/json")
    return _Upload(found, found.picture, found.notes)


@dataclass(slots=True)
class _Reading:
    """An uploaded file while it is read.

    Attributes:
        broken: why reading ended before the file's end; empty where it did not.
        end: when the last frame or sound ends, in seconds.
        changes_at: when the file went on in tracks that it did not begin with, in seconds.
    """

    container: InputContainer
    clock: Clock
    assembler: Assembler
    index: FrameIndex
    broken: list[str] = field(default_factory=list[str])
    end: float = 0.0
    changes_at: float | None = None

    def packets(self, streams: Iterable[int]) -> Iterator[tuple[int, Packet[Any]]]:
        """Yield the packets of streams, one a frame of the picture, each with its stream's index.

        Their times are those of the result.
        """
        for packet in self.clock.timed(self._read(streams)):
            if packet.pts is not None:
                ticks = packet.pts + (packet.duration or 0)
                self.end = max(self.end, float(ticks * packet.time_base))
            if packet.stream.index != self.index.stream_index:
                yield packet.stream.index, packet
                continue
            for whole in self.assembler.add(packet):
                yield self.index.stream_index, whole
        for whole in self.assembler.flush():
            yield self.index.stream_index, whole

    @property
    def promised_s(self) -> float:
        """How long the header says that the file is, in seconds; 0 where headers do not."""
        formats = set(self.container.format.name.split(","))
        return (self.container.duration or 0) / av.time_base if formats & _SAYING else 0.0

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
                self.broken.append(error.strerror or type(error).__name__)
                return
            yield packet


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
    # Of an FLV that does not say how long it is, FFmpeg counts from its clock's zero.
    said, there = reading.promised_s, reading.end + max(0.0, float(clock.origin))
    if said - there > max(_MISSING_S, _MISSING * said):
        notes.append(
            f"the file is cut short: it says that it lasts {said:.1f} s, and {there:.1f} s are "
            "there"
        )
    if index.cut_off:
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


def _source(job: Job, upload: _Upload) -> tuple[tuple[str, str], FrameIndex | Animation, Timeline]:
    """Return which blob the worker reads, and the frames and their timestamps in that file."""
    index = upload.frames
    if not upload.exact:
        blob_name = job.folder.source(".mkv")
        copied = _index_again(blob_name, job.name, len(index.pts))
        return (paths.JOBS, blob_name), copied, _timeline(copied, copied.pts)
    ticks = round(upload.origin / index.time_base)
    timeline = _timeline(index, [tick + ticks for tick in index.times])
    if job.video.has_plain_name:
        return (paths.VIDEOS, job.video.blob), index, timeline
    blob_name = job.folder.source(PurePosixPath(job.name).suffix)
    with BlobReader(storage.blob(paths.VIDEOS, job.video.blob)) as reader:
        copy_blob(reader, storage.blob(paths.JOBS, blob_name))
    return (paths.JOBS, blob_name), index, timeline


def _index_again(blob_name: str, name: str, frames: int) -> FrameIndex:
    """Read the timestamps of the remuxed file, which Matroska rounds to milliseconds."""
    reader = BlobReader(storage.blob(paths.JOBS, blob_name))
    with open_video(buffered(reader), name) as container:
        stream = container.streams.video[0]
        index = FrameIndex(stream, name, settings())
        for packet in container.demux(stream):
            index.add(packet)
        index.flush()
    if len(index.pts) != frames:
        raise InputError(
            f"{name} has frames too close in time to tell apart, or too far apart: give "
            "them other times by converting it to MP4",
            Code.BAD_TIMESTAMPS,
        )
    return index


def _plan(
    job: Job,
    upload: _Upload,
    source: FrameIndex | Animation,
    blend: Blend,
    nodes: int,
    reach: int,
) -> Plan:
    limits = settings()
    result = _timeline(upload.frames, upload.frames.times)
    # Frames that lead up to the first are shown before it, and before all sound.
    result = replace(result, first=max(0, result.first))
    # A player counts from zero, wherever the first frame is.
    minutes = result.end * result.seconds_per_tick / 60
    if minutes > limits.max_minutes:
        raise too_long(f"{job.name} is {float(minutes):.1f} minutes long", limits)
    shards = cut_shards(
        source.pts,
        source.entries if upload.seekable or not upload.exact else (),
        longest=max(1, round(SHARD_SECONDS * result.frame_rate)),
        at_least=_at_least(len(result), nodes * limits.aml_processes_per_node, reach),
        lead=upload.picture.interlaced + reach,
    )
    return Plan(
        job_id=job.job_id,
        stream=source.stream_index,
        source=result,
        result=result,
        picture=upload.picture,
        shards=shards,
        encoding=Encoding(limits.encoder_crf, limits.encoder_preset, limits.encoder),
        blend=blend,
        x264_build=source.x264_build,
        reach=reach,
    )


def _at_least(frames: int, ranks: int, reach: int) -> int:
    """Return how many shards there should be, as far as that is not too short for them."""
    wanted = SHARDS_PER_RANK * ranks
    return max(1, min(wanted, frames // SHORTEST_STEADIED)) if reach else wanted


def _timeline(index: FrameIndex | Animation, pts: Sequence[int]) -> Timeline:
    return Timeline.of(pts, index.last_duration, index.time_base)
