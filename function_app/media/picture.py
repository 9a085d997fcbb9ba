"""What a video's pixels mean: geometry, colour, which way is up.

Code points are those of ITU-T H.273, names those of FFmpeg.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import cos, radians, sin
from typing import cast

from av.sidedata.sidedata import SideData
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from function_app.media.headers import Header
from gpu_worker.plan import Picture

OF_RGB = 0
MATRICES = {1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020nc"}
# Matrices that are no sums of red, green and blue: converted to one that is.
CONVERTED_MATRICES = {
    8: "ycgco",
    10: "bt2020c",
    12: "chroma-derived-nc",
    13: "chroma-derived-c",
    14: "ictcp",
}
# Those of a result are the source's own, whatever they are.
PRIMARIES = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "film",
    9: "bt2020",
    10: "smpte428",
    11: "smpte431",
    12: "smpte432",
    22: "jedec-p22",
}
TRANSFERS = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    9: "log100",
    10: "log316",
    11: "iec61966-2-4",
    12: "bt1361e",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "smpte2084",
    17: "smpte428",
    18: "arib-std-b67",
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
RGB = "gbr"


def picture_of(frame: VideoFrame, stream: VideoStream, header: Header | None = None) -> Picture:
    """Say how the source's pixels are to be read and the result's to be tagged.

    Frames know better than the container: in real files the two contradict each other. What
    neither says is what players assume: BT.709 for HD, BT.601 below.

    Args:
        frame: a decoded frame of the stream.
        stream: for the sample aspect ratio.
        header: what the container says of the part that is shown.
    """
    left, top, right, bottom = header.crop if header else (0, 0, 0, 0)
    hdr = int(frame.color_trc) in {PQ, HLG}
    family = "bt709" if hdr or frame.height >= HD_HEIGHT else "smpte170m"
    source_matrix = _converted_matrix(frame)
    matrix = family if hdr or source_matrix else MATRICES.get(int(frame.colorspace), family)
    primaries, transfer = USUAL.get(matrix, ("bt709", "bt709"))
    own_primaries = PRIMARIES.get(int(frame.color_primaries), primaries)
    own_transfer = TRANSFERS.get(int(frame.color_trc), transfer)
    return Picture(
        width=frame.width - left - right,
        height=frame.height - top - bottom,
        sample_aspect_ratio=(stream.sample_aspect_ratio or Fraction(1)).as_integer_ratio(),
        matrix=matrix,
        primaries=primaries if hdr else own_primaries,
        transfer=transfer if hdr else own_transfer,
        full_range=not hdr and source_matrix != RGB and _is_full_range(frame),
        interlaced=bool(frame.interlaced_frame),
        hdr=hdr,
        display_matrix=display_matrix_of(frame),
        source_matrix=source_matrix or (MATRICES.get(int(frame.colorspace), "") if hdr else ""),
        source_primaries=_hdr_primaries(frame) if hdr else own_primaries,
        source_transfer=own_transfer,
        transparent=any(component.is_alpha for component in frame.format.components),
    )


def picture_notes(picture: Picture, first: VideoFrame) -> list[str]:
    """Say what of a picture the result has otherwise, a sentence each.

    Args:
        picture: as it is planned.
        first: frame of the source.
    """
    notes: list[str] = []
    if int(first.colorspace) == OF_RGB and first.format.name.startswith("yuv"):
        notes.append(f"its colours are called RGB, and are not: taken for {picture.matrix}")
    if picture.hdr:
        curve = "PQ" if int(first.color_trc) == PQ else "HLG"
        notes.append(f"HDR ({curve}): tone-mapped to SDR, BT.709, by Hable's curve")
    elif picture.source_matrix and picture.source_matrix != RGB:
        notes.append(f"colours coded as {picture.source_matrix}: converted to {picture.matrix}")
    if picture.interlaced:
        notes.append("interlaced: deinterlaced (bwdif), one frame for each frame")
    if picture.transparent:
        notes.append("transparency: painted over white")
    return notes


def _converted_matrix(frame: VideoFrame) -> str:
    """Name the matrix of colours that have to be converted; empty if they have not."""
    if frame.format.is_rgb or frame.format.has_palette:
        return RGB
    return CONVERTED_MATRICES.get(int(frame.colorspace), "")


def _hdr_primaries(frame: VideoFrame) -> str:
    return PRIMARIES.get(int(frame.color_primaries), "bt2020")


def _is_full_range(frame: VideoFrame) -> bool:
    return int(frame.color_range) == FULL_RANGE or frame.format.name.startswith("yuvj")


def display_matrix_of(frame: VideoFrame) -> tuple[int, ...]:
    """Return the nine integers of a frame's display matrix; empty if it has none."""
    try:
        for data in cast("Iterable[SideData]", frame.side_data):
            if data.type == SideDataType.DISPLAYMATRIX:
                return tuple(memoryview(data).cast("B").cast("i"))
    except ValueError:
        # Other data of a type that PyAV does not know hides all of it; the rotation is left.
        return _rotation(frame.rotation)
    return ()


def _rotation(degrees: int) -> tuple[int, ...]:
    """Return the matrix that turns a picture anticlockwise, in 16.16 and 2.30 fixed point."""
    if not degrees:
        return ()
    turned = radians(degrees)
    across, along = round(cos(turned) * 2**16), round(sin(turned) * 2**16)
    return (across, -along, 0, along, across, 0, 0, 0, 2**30)
