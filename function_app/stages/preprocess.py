"""Preprocessing: from an uploaded video to a plan, if it can be painted and may be."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import accumulate
from pathlib import PurePosixPath

from function_app.errors import Code, InputError
from function_app.media.frame_index import FrameIndex
from function_app.media.probe import open_video, too_long
from function_app.media.webp import Animation
from function_app.options.blending import blend_of
from function_app.options.container import CONTAINER, container_of
from function_app.scheduling import cost
from function_app.settings import settings
from function_app.stages.reading import Upload, read
from function_app.store import paths, shares, storage, styles
from function_app.store.jobs import Job, Work
from function_app.store.streams import BlobReader, buffered, copy_blob
from function_app.store.uploads import check_declared
from gpu_worker.plan import (
    LINES_SUFFIX,
    REACH,
    Blend,
    Encoding,
    Plan,
    Shard,
    Timeline,
    cut_shards,
)

SHARDS_PER_RANK = 4
SHARD_SECONDS = 4
SHORTEST_STEADIED = 4 * REACH
"""Frames in a shard at least where neighbours are painted along: then these are half as many."""
_LONGEST_NOTE, _MOST_OF_NOTES = 400, 2**13
"""Characters of a note, and of all in JSON: the status that holds them may have 16 KiB."""


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
    upload = read(job, buffered(reader), form)
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


def _source(job: Job, upload: Upload) -> tuple[tuple[str, str], FrameIndex | Animation, Timeline]:
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
    upload: Upload,
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
