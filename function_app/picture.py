"""What a video's pixels mean: geometry, colour, which way is up.

Code points are those of ITU-T H.273, names those of FFmpeg.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import cast

from av.sidedata.sidedata import SideData
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from gpu_worker.plan import Picture

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
