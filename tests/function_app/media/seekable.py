"""Clips whose decoders learn at the start what they need later, each in its own way."""

from pathlib import Path

from tests.function_app.clips import ffmpeg

FRAMES = 60
MOVING = ["-f", "lavfi", "-i", "testsrc2=s=96x64:r=25,trim=end_frame=60"]
X264 = ["-c:v", "libx264", "-preset", "fast", "-x264-params"]
X265 = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params"]

RECIPES: dict[str, list[str]] = {
    "closed.mp4": [*X264, "keyint=10:bframes=3"],
    "open_gop.mkv": [*X264, "keyint=10:bframes=3:open-gop=1:b-pyramid=normal"],
    "gradual_refresh.mkv": [*X264, "keyint=10:intra-refresh=1:bframes=0"],
    "closed_444.mp4": ["-pix_fmt", "yuv444p", *X264, "keyint=10:8x8dct=1:cabac=1"],
    "open_gop.ts": [*X265, "log-level=none:keyint=10:open-gop=1"],
    "alternate_references.webm": ["-c:v", "libvpx-vp9", "-g", "10", "-cpu-used", "8"],
    "golden.webm": ["-c:v", "libvpx", "-g", "10", "-auto-alt-ref", "1", "-deadline", "realtime"],
    "av1.mp4": ["-c:v", "libsvtav1", "-preset", "12", "-g", "10", "-svtav1-params", "lp=1"],
    "open_gop.mpg": ["-c:v", "mpeg2video", "-g", "10", "-bf", "2"],
    "packed.avi": ["-c:v", "mpeg4", "-g", "10", "-bf", "2"],
    "b_frames.avi": [*X264, "keyint=10:bframes=2"],
    "b_frames.h264": [*X264, "keyint=10:bframes=2"],
    "theora.ogg": ["-c:v", "libtheora", "-g", "10"],
    "old.avi": ["-c:v", "msmpeg4v2", "-g", "10"],
    "old.wmv": ["-c:v", "wmv2", "-g", "10"],
    "old.flv": ["-c:v", "flv", "-g", "10"],
    "tape.dv": ["-vf", "scale=720:576", "-pix_fmt", "yuv420p", "-c:v", "dvvideo"],
    "animation.mov": ["-c:v", "qtrle", "-g", "10"],
    "animation.gif": [],
}


def make(folder: Path, name: str) -> bytes:
    """Make a clip of `FRAMES` frames."""
    file = folder / name
    ffmpeg(*MOVING, "-frames:v", str(FRAMES), *RECIPES[name], str(file))
    return file.read_bytes()


def as_of_old(content: bytes) -> bytes:
    """Say that an x264 wrote the stream whose 4:4:4 FFmpeg reads in another way."""
    start = content.index(b"x264 - core ") + len(b"x264 - core ")
    return content[:start] + b"142" + content[start + 3 :]
