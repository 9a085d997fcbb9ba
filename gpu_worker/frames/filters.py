"""Filters: every frame that is decoded as 8-bit 4:2:0 of the plan's size."""

from __future__ import annotations

from typing import Final

import ffmpeg
from ffmpeg.nodes import FilterableStream

from gpu_worker.plan import Picture

_SCALE_MATRICES: Final = {"bt2020nc": "bt2020"}
"""Matrices that the scale filter calls otherwise than `-colorspace` does."""
_NO_ZSCALE_TRANSFERS: Final = {"bt1361e", "smpte428"}
_RGB: Final = "gbr"


def pictures(stream: FilterableStream, picture: Picture) -> FilterableStream:
    """Bring every frame to 8-bit 4:2:0 of the plan's size, changing no more than that needs."""
    if picture.transparent:
        stream = _over_white(stream)
    if picture.interlaced:
        stream = stream.filter("bwdif", mode="send_frame", deint="interlaced")
    if picture.hdr:
        stream = _tone_mapped(stream, picture)
    elif picture.source_matrix not in {"", _RGB}:
        stream = _converted(stream, picture)
    codes = "full" if picture.full_range else "limited"
    matrix = _SCALE_MATRICES.get(picture.matrix, picture.matrix)
    return stream.filter(
        "scale",
        picture.width,
        picture.height,
        in_range="full" if picture.source_matrix == _RGB else codes,
        out_range=codes,
        in_color_matrix=matrix,
        out_color_matrix=matrix,
    ).filter("format", "yuv420p")


def _over_white(stream: FilterableStream) -> FilterableStream:
    twice = stream.filter("format", "rgba").filter_multi_output("split")
    white = twice[0].filter("drawbox", color="white", thickness="fill", replace=1)
    return ffmpeg.filter([white, twice[1]], "overlay", format="gbrp")


def _tone_mapped(stream: FilterableStream, picture: Picture) -> FilterableStream:
    """Map PQ or HLG to SDR BT.709, with white at 100 cd/m2 (FFmpeg's tonemap, Hable's curve)."""
    return (
        stream.filter(
            "zscale",
            transfer="linear",
            npl=100,
            primariesin=picture.source_primaries or "bt2020",
            matrixin=picture.source_matrix or "bt2020nc",
        )
        .filter("format", "gbrpf32le")
        .filter("zscale", primaries="bt709")
        .filter("tonemap", "hable", desat=0)
        .filter("zscale", transfer="bt709", matrix="bt709", range="limited")
        .filter("format", "yuv420p")
    )


def _converted(stream: FilterableStream, picture: Picture) -> FilterableStream:
    """Bring colours to the matrix of the result, and change neither primaries nor transfer."""
    codes = "full" if picture.full_range else "limited"
    primaries, transfer = picture.source_primaries, picture.source_transfer
    if transfer in _NO_ZSCALE_TRANSFERS:
        transfer = "bt709"  # there and back, so any will do that the matrix can be told by
    return stream.filter(
        "zscale",
        matrixin=picture.source_matrix,
        matrix=picture.matrix,
        primariesin=primaries,
        primaries=primaries,
        transferin=transfer,
        transfer=transfer,
        rangein=codes,
        range=codes,
    )
