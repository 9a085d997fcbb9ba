"""The good files that mutants are made of: small, and of many codecs and containers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import imageio_ffmpeg

SIZE, RATE, FRAMES = "64x48", 12, 9

PICTURE = ["-f", "lavfi", "-i", f"testsrc2=s={SIZE}:r={RATE}:d={FRAMES / RATE}"]
SOUND = ["-f", "lavfi", "-i", "sine=sample_rate=16000:d=0.75"]
TEXT = ["-i", "@markup.srt", "-metadata", "title=A \x07title\x1b[31m", "-metadata", "artist=<b>X"]

RECIPES: dict[str, list[str]] = {
    "h264.mp4": [*PICTURE, *SOUND, "-c:v", "libx264", "-bf", "2", "-g", "4", "-c:a", "aac"],
    "h264_fragments.mp4": [*PICTURE, "-c:v", "libx264", "-g", "4", "-movflags",
                           "frag_keyframe+empty_moov"],
    "hevc.mkv": [*PICTURE, "-c:v", "libx265", "-x265-params", "log-level=none:pools=1"],
    "vp9.webm": [*PICTURE, *SOUND, "-c:v", "libvpx-vp9", "-deadline", "realtime", "-c:a", "libopus",
                 "-ar", "48000"],
    "vp8.webm": [*PICTURE, *SOUND, "-c:v", "libvpx", "-c:a", "libvorbis"],
    "ffv1_subtitles.mkv": [*PICTURE, *TEXT, "-c:v", "ffv1", "-c:s", "ass"],
    "mpeg4.avi": [*PICTURE, *SOUND, "-c:v", "mpeg4", "-c:a", "libmp3lame"],
    "mpeg2.ts": [*PICTURE, *SOUND, "-c:v", "mpeg2video", "-r", "25", "-c:a", "mp2"],
    "mpeg1.mpg": [*PICTURE, "-c:v", "mpeg1video", "-r", "25"],
    "mjpeg.mov": [*PICTURE, *SOUND, "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-c:a", "pcm_s16le"],
    "theora.ogg": [*PICTURE, "-c:v", "libtheora"],
    "h264.flv": [*PICTURE, "-c:v", "libx264", "-bf", "0"],
    "flv1.flv": [*PICTURE, "-c:v", "flv"],
    "wmv2.asf": [*PICTURE, *SOUND, "-c:v", "wmv2", "-c:a", "wmav2"],
    "mpeg2.mxf": [*PICTURE, "-c:v", "mpeg2video", "-r", "25"],
}  # fmt: skip
"""ffmpeg's arguments by file name; a word that begins with @ is a file beside it."""

MARKUP = (
    "1\n00:00:00,000 --> 00:00:00,400\n<script>alert(1)</script><i>{\\an8\\p1}m 0 0 l 9 9\n\n"
    f"2\n00:00:00,400 --> 00:00:00,700\n{'<b>' * 2000}\x07\x1b[2J\u202e\n"
)


def make(folder: Path) -> dict[str, bytes]:
    """Make every seed; return their contents by name."""
    (folder / "markup.srt").write_text(MARKUP)
    return {name: _made(folder, name, recipe) for name, recipe in RECIPES.items()}


def _made(folder: Path, name: str, recipe: list[str]) -> bytes:
    words = [str(folder / word[1:]) if word[0] == "@" else word for word in recipe]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y", "-threads", "1"]
    bare = ["-shortest", str(folder / name)]
    subprocess.run([*command, *words, *bare], check=True, timeout=60)
    return (folder / name).read_bytes()
