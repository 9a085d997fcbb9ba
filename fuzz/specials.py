"""Files made to hurt, each in its own way: what mutators would not come upon."""

from __future__ import annotations

from fuzz.boxes import HEADER, box, boxes, replaced
from fuzz.seeds import FRAMES

MEGAPIXELS_MANY = (65535).to_bytes(2)
TRACKS = 1_000_000
MILLION = 1_000_000


def specials(seeds: dict[str, bytes], trap: str, url: str) -> dict[str, bytes]:
    """Return the files by name.

    Args:
        seeds: good files.
        trap: a file that nobody may open.
        url: a server that nobody may ask.
    """
    mp4, mkv = seeds["h264.mp4"], seeds["ffv1_subtitles.mkv"]
    return {
        "empty.mp4": b"",
        "one_byte.mp4": b"\0",
        "text.mp4": b"Dear diary,\n" * 500,
        "zeros.mp4": bytes(200_000),
        "huge_frames.mp4": _with_frames_of(mp4, MEGAPIXELS_MANY),
        "no_frames.mp4": _with_frames_of(mp4, bytes(2)),
        "huge_frames.webm": _vp8_of_size(seeds["vp8.webm"]),
        "many_tracks.mp4": _with_tracks(mp4, TRACKS),
        "million_frames.mp4": _with_a_million_frames(mp4),
        "million_samples_of_nothing.mp4": _with_sizes_of_nothing(mp4),
        "deep.mp4": mp4[:32] + _nested(b"moov", 50_000),
        "deep.mkv": mkv[:64] + bytes.fromhex("1a45dfa388") * 20_000 + mkv[64:],
        "refers_to_a_file.mov": _with_reference(seeds["mjpeg.mov"], trap),
        "refers_to_a_server.mov": _with_reference(seeds["mjpeg.mov"], url),
        "playlist.mp4": f"#EXTM3U\n#EXTINF:1,\n{url}/1.ts\n#EXTINF:1,\nfile:{trap}\n".encode(),
        "playlist_after_space.mp4": f"\n \t#EXTM3U\n#EXTINF:1,\n{url}/1.ts\n".encode(),
        "concat.mp4": f"ffconcat version 1.0\nfile '{trap}'\n".encode(),
        "bare_concat.mp4": f"file '{trap}'\n".encode() * 50,
        "dash.mp4": f'<?xml version="1.0"?><MPD><BaseURL>{url}</BaseURL></MPD>'.encode(),
        "sdp.mp4": f"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 9 {url}\n".encode(),
        "subtitle_bomb.mkv": mkv.replace(b"<b>" * 2000, b"{\\p9}" * 1200),
        "two_in_one.mp4": mp4 + seeds["vp9.webm"] + mp4,
        "no_time_base.mp4": _with_time_scale(mp4, 0),
        "fast_time_base.mp4": _with_time_scale(mp4, 2**32 - 1),
    }


def _with_frames_of(content: bytes, side: bytes) -> bytes:
    """Say in the sample description that frames have that width and height."""
    place = content.index(b"avc1", content.index(b"stsd")) + 28
    return content[:place] + side + side + content[place + 4 :]


def _vp8_of_size(content: bytes) -> bytes:
    """Let the first key frame say 16383x16383 (RFC 6386, 9.1), the container what it said."""
    place = content.index(b"\x9d\x01\x2a") + 3
    return content[:place] + b"\xff\x3f\xff\x3f" + content[place + 4 :]


def _with_tracks(content: bytes, count: int) -> bytes:
    track = next(each for each in boxes(content) if each.kind == b"trak")
    return replaced(content, track, content[track.start : track.end] + box(b"trak", b"") * count)


def _with_a_million_frames(content: bytes) -> bytes:
    """Let the table of times and that of sizes count a million frames of one size."""
    for kind, body in (
        (b"stts", bytes(4) + (1).to_bytes(4) + MILLION.to_bytes(4) + (1).to_bytes(4)),
        (b"stsz", bytes(4) + (1).to_bytes(4) + MILLION.to_bytes(4)),
    ):
        table = next(each for each in boxes(content) if each.kind == kind)
        content = replaced(content, table, box(kind, body))
    return content


def _with_sizes_of_nothing(content: bytes) -> bytes:
    table = next(each for each in boxes(content) if each.kind == b"stsz")
    body = bytes(8) + FRAMES.to_bytes(4) + bytes(4 * FRAMES)
    return replaced(content, table, box(b"stsz", body))


def _nested(kind: bytes, depth: int) -> bytes:
    sizes = range(HEADER * depth, 0, -HEADER)
    return b"".join(size.to_bytes(4) + kind for size in sizes)


def _with_reference(content: bytes, target: str) -> bytes:
    """Let the media data lie in another file (`url ` in the `dref` box)."""
    table = next(each for each in boxes(content) if each.kind == b"dref")
    entry = box(b"url ", bytes(4) + target.encode() + b"\0")
    return replaced(content, table, box(b"dref", bytes(4) + (1).to_bytes(4) + entry))


def _with_time_scale(content: bytes, scale: int) -> bytes:
    for kind in (b"mvhd", b"mdhd"):
        for each in [each for each in boxes(content) if each.kind == kind]:
            place = each.start + HEADER + 12
            content = content[:place] + scale.to_bytes(4) + content[place + 4 :]
    return content
