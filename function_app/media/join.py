"""The join: painted shards and the kept tracks become one file, without re-encoding anything.

Streaming: packets go through one at a time, so an hour costs no more memory than a minute, but
for the MP4's index. Each frame gets the timestamp that the plan says, each shard is proved to
hold the frames that it should.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from itertools import zip_longest
from typing import IO, Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from function_app.errors import ServiceError
from function_app.media.covers import open_picture
from function_app.media.extras import KEPT, Attachment, Sidecar
from function_app.media.tracks import describe
from function_app.media.uncompressed import bytes_at_once
from function_app.options.container import Container, index_size
from gpu_worker.plan import Plan, Shard, Timeline

# Picture, chapters and timecode.
_OF_ITS_OWN = 3
# FFmpeg's demuxer gives as many at once, fewer where those end that lie together, a MiB at most.
SAMPLES_OF_A_PACKET = 1024

OpenShard = Callable[[Shard], IO[bytes]]


def reserved_bytes(
    plan: Plan,
    tracks: Iterable[IO[bytes]] = (),
    sidecar: Sidecar | None = None,
    attachments: Iterable[bytes] = (),
) -> int:
    """Return the size of an MP4's index, and of the covers in it, which stay ahead of the data."""
    sidecar = sidecar or Sidecar()
    packets, count, more = plan.frame_count + len(sidecar.chapters), _OF_ITS_OWN, 0
    said = [*sidecar.metadata.items(), *((each.title,) for each in sidecar.chapters)]
    for track in tracks:
        with av.open(track, "r") as file:
            for stream in file.streams:
                packets += _packet_count(stream)
                count += 1
                said += stream.metadata.items()
                more += len(stream.codec_context.extradata or b"")
        track.seek(0)
    texts = (text for each in said for text in each)
    return index_size(packets, count, texts) + more + sum(map(len, attachments))


def _packet_count(stream: Stream) -> int:
    """Return how many packets a track has at most; of uncompressed sound each sample is a frame."""
    if not bytes_at_once(stream):
        return stream.frames
    return 2 * stream.frames // SAMPLES_OF_A_PACKET + 2


def join(
    plan: Plan,
    open_shard: OpenShard,
    tracks: Sequence[IO[bytes]],
    sidecar: Sidecar,
    out: Any,
    attachments: Sequence[bytes] = (),
) -> None:
    """Write the result.

    Args:
        plan: names every frame and its timestamp.
        open_shard: opens a painted shard.
        tracks: the kept tracks of sound and subtitles, in the container of the result.
        sidecar: chapters and metadata, and which container.
        out: seekable stream; only the first `reserved_bytes` (and a few more) are written twice.
        attachments: contents of the sidecar's.

    Raises:
        ServiceError: a shard does not hold the frames that the plan says.
    """
    container = sidecar.container
    reserved = reserved_bytes(plan, tracks, sidecar, attachments)
    options = container.options(reserved, sidecar.metadata)
    with ExitStack() as stack:
        result = stack.enter_context(av.open(out, "w", format=container.muxer, options=options))
        first = stack.enter_context(av.open(open_shard(plan.shards[0]), "r"))
        video = _add_video(result, first, plan)
        sources = [_video_packets(plan, open_shard, video, first)]
        for track, name in zip_longest(tracks, sidecar.tracks):
            file = stack.enter_context(av.open(track, "r"))
            sources.append(_track_packets(file, result))
            if sidecar.defaults is not None:
                _play_unasked(result.streams[-1], name in sidecar.defaults)
        for attachment, content in zip(sidecar.attachments, attachments, strict=True):
            if container is Container.MKV:
                result.add_attachment(attachment.name, attachment.media_type, content)
            else:
                sources.insert(0, _cover(result, attachment, content))
        _describe(result, sidecar)
        for packet in heapq.merge(*sources, key=_decoding_time):
            result.mux(packet)


def _add_video(result: OutputContainer, first: InputContainer, plan: Plan) -> VideoStream:
    stream = result.add_stream_from_template(first.streams.video[0])
    stream.time_base = plan.result.seconds_per_tick
    if plan.picture.display_matrix:
        stream.set_display_matrix(plan.picture.display_matrix)
    return stream


def _cover(
    result: OutputContainer, attachment: Attachment, content: bytes
) -> Iterator[Packet[Any]]:
    """Add a cover picture, which MP4 has in its index."""
    with open_picture(content, attachment.media_type) as picture:
        stream = result.add_stream_from_template(picture.streams.video[0])
    stream.disposition = Disposition.attached_pic
    packet = Packet(content)
    packet.stream, packet.pts, packet.dts, packet.time_base = stream, 0, 0, Fraction(1)
    return iter((packet,))


def _describe(result: OutputContainer, sidecar: Sidecar) -> None:
    result.metadata.update(sidecar.metadata)
    # A picture alone can point to one of the two tracks that an MP4 has for these.
    if sidecar.chapters and not sidecar.tracks and sidecar.container is Container.MP4:
        result.metadata.pop("timecode", None)
    milliseconds = Fraction(1, 1000)
    result.set_chapters(
        [
            {
                "id": number,
                "start": round(chapter.start * 1000),
                "end": round(chapter.end * 1000),
                "time_base": milliseconds,
                "metadata": {"title": chapter.title},
            }
            for number, chapter in enumerate(sidecar.chapters)
        ]
    )


def _video_packets(
    plan: Plan, open_shard: OpenShard, stream: VideoStream, first: InputContainer
) -> Iterator[Packet[Any]]:
    """Yield the packets of all shards in decoding order, timed by the plan."""
    pts = list(plan.result)
    ends = [*pts[1:], plan.result.end]
    codec = first.streams.video[0].codec_context
    # What the parameter sets allow, which all shards share; a short one may reorder less.
    delay = codec.reorder_depth
    space = _space(plan.result, delay)
    for shard in plan.shards:
        with av.open(open_shard(shard), "r") as container:
            if container.streams.video[0].codec_context.extradata != codec.extradata:
                raise ServiceError(f"shard {shard.name} was encoded with other parameters")
            packets = _packets_of(container, shard)
        frames = _frame_numbers(packets, shard)
        if any(place - frame > delay for place, frame in enumerate(frames, shard.first)):
            raise ServiceError(f"shard {shard.name} reorders frames further than it says")
        times = decode_times([pts[frame] for frame in frames], ends[shard.last - 1], delay, space)
        for packet, frame, dts in zip(packets, frames, times, strict=True):
            packet.time_base = plan.result.seconds_per_tick
            packet.pts, packet.dts = pts[frame], dts
            packet.duration = ends[frame] - pts[frame]
            packet.stream = stream
            yield packet


def _space(frames: Timeline, delay: int) -> int:
    """Return how many ticks decode times are apart at least.

    Where the picture begins after zero, its decode times do not begin before it: of those that
    do, FFmpeg's muxer takes the smallest distance to their presentation for that of the first.
    """
    step = min(step for step, _ in frames.steps)
    before_first = frames.first // delay if delay else 0
    return min(step, before_first) if before_first else step


def decode_times(pts: Sequence[int], end: int, delay: int, space: int) -> list[int]:
    """Return when to decode the frames of a shard: as late as they and the next shard allow.

    At an even rate that is `delay` frames ahead. Where a frame stands for long, decode times stay
    close to the presentation times: FFmpeg's demuxer takes an edit for over at the first keyframe
    whose time and decode time's step reach the edit's end, so a step that came late would hide all
    the frames that follow.

    Args:
        pts: presentation time of each frame in ticks, in decoding order.
        end: tick at which the next shard's first frame is shown.
        delay: how many frames a frame may be decoded after its place in order of presentation.
        space: ticks between decode times at least: at most those between presentation times.

    Returns:
        Ticks, rising, each at most its frame's `pts`, and `space` ahead of the decode times that a
        shard from `end` on gets.
    """
    times: list[int] = []
    following = end - delay * space
    for tick in reversed(pts):
        following = min(tick, following - space)
        times.append(following)
    return times[::-1]


def _packets_of(container: InputContainer, shard: Shard) -> list[Packet[Any]]:
    packets = [packet for packet in container.demux(video=0) if packet.size]
    if len(packets) != len(shard):
        raise ServiceError(f"shard {shard.name} holds {len(packets)} frames, not {len(shard)}")
    return packets


def _frame_numbers(packets: Sequence[Packet[Any]], shard: Shard) -> list[int]:
    """Return which frame of the plan each packet shows."""
    order = {pts: place for place, pts in enumerate(sorted(map(_pts, packets)), shard.first)}
    if len(order) != len(shard):
        raise ServiceError(f"shard {shard.name} shows two frames at once")
    return [order[_pts(packet)] for packet in packets]


def _pts(packet: Packet[Any]) -> int:
    if packet.pts is None:
        raise ServiceError("a shard holds a frame without a timestamp")
    return packet.pts


def _track_packets(track: InputContainer, result: OutputContainer) -> Iterator[Packet[Any]]:
    streams: dict[int, Stream] = {}
    for source in track.streams:
        if source.type in KEPT:
            streams[source.index] = result.add_stream_from_template(source)
            describe(streams[source.index], source)
    return _redirected(track, streams)


def _play_unasked(stream: Stream, unasked: bool) -> None:
    others = stream.disposition & ~Disposition.default
    stream.disposition = others | Disposition.default if unasked else others


def _redirected(track: InputContainer, streams: dict[int, Stream]) -> Iterator[Packet[Any]]:
    sizes = {index: bytes_at_once(track.streams[index]) for index in streams}
    for packet in track.demux([track.streams[index] for index in streams]):
        if packet.dts is None:
            continue
        if (size := sizes[packet.stream.index]) and isinstance(packet.stream, AudioStream):
            # Where a track begins late, FFmpeg's demuxer tells less of its last packet.
            seconds = Fraction(packet.size // size, packet.stream.rate)
            packet.duration = round(seconds / packet.time_base)
        packet.stream = streams[packet.stream.index]
        yield packet


def _decoding_time(packet: Packet[Any]) -> float:
    return float(packet.dts or 0) * float(packet.time_base)
