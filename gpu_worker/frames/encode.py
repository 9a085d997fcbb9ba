"""Encoding: one shard's frames into one file, verified before it is put where it belongs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

import ffmpeg
from ffmpeg.nodes import FilterableStream, OutputStream

from gpu_worker.errors import ToolError
from gpu_worker.files import write_shard_file, write_whole
from gpu_worker.frames.frame import Frame
from gpu_worker.frames.process import running
from gpu_worker.plan import Encoding, Plan, Shard

_RATES: Final = range(1, 1001)
"""Frames per second that an encoder's rate control knows how to deal with."""
_MOST_ASPECT: Final = 65535
"""Width or height of a pixel, at most (ITU-T H.264, E.2.1)."""
_NVENC: Final = "h264_nvenc"
_NVENC_PRESET: Final = "p4"


def write_shard(
    painted: Iterable[Frame], plan: Plan, shard: Shard, folder: Path, threads: int
) -> None:
    """Encode the frames of `shard`, prove the file, and put it into `folder` by its name.

    The file holds a packet for each frame, with timestamps 0, 1, 2, ... in the order of
    presentation. The list of the shard's frames that are not as they were, if there are any, is put
    there first.

    Args:
        painted: the shard's frames, in order.
        plan: how to encode and to tag.
        shard: one of the plan's.
        folder: where finished shards are; it may be a mounted blob container.
        threads: of the encoder.

    Raises:
        ToolError: the encoder failed, or its file does not hold what it should.
    """
    damaged: list[int] = []
    concealed: list[int] = []
    scaled: list[int] = []
    # A file without a name: nothing is left behind, not even by a rank that is killed.
    with TemporaryFile() as file:
        with running(_encoder(plan, threads, file.fileno()), [file.fileno()]) as child:
            for frame in painted:
                child.write(frame.planes)
                concealed += frame.concealed
                scaled += frame.scaled
                if frame.damaged:
                    damaged.append(frame.index)
            child.succeed()
        file.seek(0)
        _verify(file.fileno(), shard)
        file.seek(0)
        if damaged or concealed or scaled:
            said = {"frames": damaged, "concealed": concealed, "scaled": scaled}
            write_whole(folder / shard.damage_name, json.dumps(said).encode())
        write_shard_file(folder / shard.name, file.read(), plan, shard)


def _encoder(plan: Plan, threads: int, file: int) -> OutputStream:
    return encoder(plan, file, plan.picture.padded_size, codec_options(plan.encoding, threads))


def encoder(plan: Plan, file: int, size: tuple[int, int], codec: dict[str, object]) -> OutputStream:
    """Return what encodes a plan's frames from `pipe:0` into an MP4, with timestamps 0, 1, 2, ...

    Args:
        plan: how to tag them.
        file: descriptor of the file to write.
        size: width and height to encode, both even, in pixels.
        codec: FFmpeg's options of the encoder.
    """
    rate = min(max(round(plan.result.frame_rate), _RATES[0]), _RATES[-1])
    raw = ffmpeg.input(
        "pipe:0",
        format="rawvideo",
        pixel_format="yuv420p",
        video_size=plan.picture.padded_size,
        framerate=rate,
    )
    if size != plan.picture.padded_size:
        raw = raw.filter("scale", *size)
    return _tagged(raw, plan).output(
        "fd:",
        fd=file,
        format="mp4",
        video_track_timescale=rate,
        fps_mode="passthrough",
        **codec,
    )


def codec_options(encoding: Encoding, threads: int) -> dict[str, object]:
    """Name the encoder and what it is told; NVENC, which no test has run yet, has its own words."""
    if encoding.codec == _NVENC:
        quality = {"rc": "vbr", "cq": encoding.crf, "b:v": 0}
        return {"vcodec": _NVENC, "preset": _NVENC_PRESET, **quality}
    x264 = {"preset": encoding.preset, "crf": encoding.crf, "threads": threads}
    return {"vcodec": encoding.codec, **x264}


def _tagged(raw: FilterableStream, plan: Plan) -> FilterableStream:
    """Say what the numbers mean, without touching them."""
    picture = plan.picture
    return raw.filter(
        "setparams",
        range="full" if picture.full_range else "limited",
        color_primaries=picture.primaries,
        color_trc=picture.transfer,
        colorspace=picture.matrix,
    ).filter("setsar", "{}/{}".format(*picture.sample_aspect_ratio), max=_MOST_ASPECT)


def _verify(file: int, shard: Shard) -> None:
    """Read the packets back.

    Raises:
        ToolError: they are not those of the shard's frames.
    """
    packets = ffmpeg.input("fd:", fd=file, copyts=None).output(
        "pipe:1", format="framecrc", codec="copy"
    )
    with running(packets, [file]) as child:
        lines = child.stdout.read().decode().splitlines()
        child.succeed()
    shown = sorted(int(line.split(",")[2]) for line in lines if not line.startswith("#"))
    if shown != list(range(len(shard))):
        raise ToolError(f"Shard {shard.name} holds {len(shown)} frames, not {len(shard)}.")
