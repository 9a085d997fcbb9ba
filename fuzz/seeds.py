"""The good files that mutants are made of: small, and of many codecs, containers and features."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg

from fuzz.boxes import clean_aperture, dolby_vision, with_box

SIZE, RATE, FRAMES = "64x48", 12, 9

PICTURE = ["-f", "lavfi", "-i", f"testsrc2=s={SIZE}:r={RATE}:d={FRAMES / RATE}"]
STILL = ["-f", "lavfi", "-i", "color=red:s=48x48:r=1:d=1"]
SOUND = ["-f", "lavfi", "-i", "sine=sample_rate=16000:d=0.75"]
TEXT = ["-i", "@markup.srt", "-metadata", "title=A \x07title\x1b[31m", "-metadata", "artist=<b>X"]
X264 = ["-c:v", "libx264", "-g", "4"]
TEN_BITS = [*X264, "-pix_fmt", "yuv420p10le", "-vf"]

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
    # Those above are the first, of which the mutants below 2,000 are made.
    "b_frames.avi": [*PICTURE, *SOUND, "-c:v", "mpeg4", "-bf", "2", "-c:a", "libmp3lame"],
    "b_frames.h264": [*PICTURE, *X264, "-bf", "2"],
    "raw.hevc": [*PICTURE, "-c:v", "libx265", "-x265-params", "log-level=none:pools=1"],
    "raw.m4v": [*PICTURE, "-c:v", "mpeg4", "-bf", "2"],
    "raw.y4m": [*PICTURE, "-pix_fmt", "yuv420p"],
    "vp8.ivf": [*PICTURE, "-c:v", "libvpx"],
    "av1.mp4": [*PICTURE, "-c:v", "libaom-av1", "-cpu-used", "8", "-row-mt", "0"],
    "late.ts": [*PICTURE, *SOUND, *X264, "-c:a", "aac", "-output_ts_offset", "50000"],
    "mid_gop.ts": ["-i", "@late.ts", "-c", "copy", "-bsf:v", r"noise=drop='lt(n\,2)'"],
    "programmes.ts": ["-i", "@h264.mp4", "-i", "@h264.mp4", "-map", "0", "-map", "1", "-c", "copy",
                      "-program", "st=0:st=1", "-program", "st=2:st=3"],
    "interlaced.ts": [*PICTURE, "-vf", "setfield=tff", "-c:v", "mpeg2video", "-flags",
                      "+ildct+ilme", "-r", "25"],
    "edits.mp4": ["-ss", "0.4", "-i", "@h264.mp4", "-c", "copy"],
    "rotated.mp4": ["-display_rotation", "90", "-i", "@h264.mp4", "-c", "copy"],
    "wide_pixels.mp4": [*PICTURE, *X264, "-vf", "setsar=1137/800:max=10000"],
    "hlg.mp4": [*PICTURE, *TEN_BITS,
                "setparams=color_primaries=bt2020:color_trc=arib-std-b67:colorspace=bt2020nc"],
    "pq.mkv": [*PICTURE, *TEN_BITS,
               "setparams=color_primaries=smpte432:color_trc=smpte2084:colorspace=bt2020nc"],
    "ycgco.mp4": ["-i", "@h264.mp4", "-c", "copy", "-bsf:v",
                  "h264_metadata=matrix_coefficients=8"],
    "444.mp4": [*PICTURE, *X264, "-pix_fmt", "yuv444p"],
    "rgb.mkv": [*PICTURE, "-c:v", "ffv1", "-pix_fmt", "gbrp"],
    "alpha.webm": [*PICTURE, "-c:v", "libvpx-vp9", "-deadline", "realtime", "-vf",
                   "colorchannelmixer=aa=0.5,format=yuva420p"],
    "prores.mov": [*PICTURE, *SOUND, "-c:v", "prores", "-c:a", "pcm_s24be"],
    "animation.mov": [*PICTURE, "-c:v", "qtrle"],
    "lossless.mov": [*PICTURE, "-c:v", "png"],
    "animated.gif": [*PICTURE],
    "animated.apng": [*PICTURE, "-f", "apng"],
    "animated.webp": [*PICTURE, "-c:v", "libwebp_anim"],
    "rv20.rm": [*PICTURE, "-c:v", "rv20"],
    "television.wtv": [*PICTURE, *SOUND, "-c:v", "mpeg2video", "-r", "25", "-c:a", "mp2"],
    "cinepak.avi": [*PICTURE, "-c:v", "cinepak"],
    "odd_rate.avi": [*PICTURE, *SOUND, "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-c:a", "pcm_u8",
                     "-ar", "11024"],
    "truehd.mkv": [*PICTURE, *SOUND, *X264, "-c:a", "truehd", "-ac", "2", "-ar", "48000",
                   "-strict", "-2"],
    "flac.mkv": [*PICTURE, *SOUND, *X264, "-c:a", "flac"],
    "opus_quad.mkv": [*PICTURE, *SOUND, *X264, "-c:a", "libopus", "-ar", "48000", "-af",
                      "pan=quad|c0=c0|c1=c0|c2=c0|c3=c0", "-mapping_family", "1"],
    "subtitles_at_once.mkv": [*PICTURE, "-i", "@at_once.srt", *X264, "-c:s", "srt"],
    "attachments.mkv": [*PICTURE, "-i", "@at_once.srt", *X264, "-c:s", "ass", "-attach",
                        "@at_once.srt", "-metadata:s:t", "mimetype=font/ttf"],
    "two_pictures.mkv": [*PICTURE, *STILL, "-map", "0", "-map", "1", *X264],
    "covered.mp4": [*PICTURE, *STILL, "-map", "0", "-map", "1", "-c:v:0", "libx264", "-c:v:1",
                    "png", "-disposition:v:1", "attached_pic"],
    "of_camera.mov": [*PICTURE, *X264, "-metadata", "make=Canon", "-metadata",
                      "location=+48.1+011.5/", "-timecode", "01:00:00:00"],
    "with_errors.mkv": ["-i", "@h264.mp4", "-c", "copy", "-bsf:v",
                        r"noise=amount='if(between(n\,2\,3)\,400\,0)'"],
    "encrypted.mp4": ["-i", "@h264.mp4", "-c", "copy", "-encryption_scheme", "cenc-aes-ctr",
                      "-encryption_key", "76a6c65c5ea762046bd749a2e632ccbb", "-encryption_kid",
                      "a7e61c373e219033c21091fa607bf3b8"],
}  # fmt: skip
"""ffmpeg's arguments by file name; a word that begins with @ is a file beside it, made before."""

CHANGED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "jump.ts": ("mpeg2.ts", lambda content: content * 2),
    "clean_aperture.mov": (
        "animation.mov",
        lambda content: with_box(content, b"rle ", clean_aperture(48, 40)),
    ),
    "dolby_vision.mov": (
        "of_camera.mov",
        lambda content: with_box(content, b"avc1", dolby_vision(8, 4)),
    ),
    "dolby_vision_alone.mov": (
        "of_camera.mov",
        lambda content: with_box(content, b"avc1", dolby_vision(5, 0)),
    ),
    "captions.h264": ("b_frames.h264", lambda content: _with_captions(content)),
    "first_segment.mp4": (
        "h264_fragments.mp4",
        lambda content: content[: content.index(b"moof") - 4],
    ),
}
"""Files that ffmpeg does not make, by name: of which it is made, and how."""
NAMES = RECIPES.keys() | CHANGED.keys()

MARKUP = (
    "1\n00:00:00,000 --> 00:00:00,400\n<script>alert(1)</script><i>{\\an8\\p1}m 0 0 l 9 9\n\n"
    f"2\n00:00:00,400 --> 00:00:00,700\n{'<b>' * 2000}\x07\x1b[2J\u202e\n"
)

AT_ONCE = (
    "1\n00:00:00,000 --> 00:00:00,600\nLONG sign\n\n"
    "2\n00:00:00,200 --> 00:00:00,400\nSHORT speech\n"
)
FIRST = 15
"""Seeds that there were at first."""
OF_THE_FIRST = 2000
"""Mutants that are made of those, so that each keeps its number."""


def make(folder: Path) -> dict[str, bytes]:
    """Make every seed; return their contents by name."""
    (folder / "markup.srt").write_text(MARKUP)
    (folder / "at_once.srt").write_text(AT_ONCE)
    made = {name: _made(folder, name, recipe) for name, recipe in RECIPES.items()}
    return made | {name: change(made[of]) for name, (of, change) in CHANGED.items()}


def _with_captions(content: bytes) -> bytes:
    """Put an SEI with closed captions (ATSC A/53 part 4) before the first picture: HI."""
    pairs = (b"\x94\x20", b"\x94\x70", b"\xc8\x49", b"\x94\x2f")
    said = b"".join(b"\xfc" + pair for pair in pairs)
    body = b"\xb5\0\x31GA94\3" + bytes([0x40 | len(pairs), 0xFF]) + said + b"\xff"
    at = content.index(b"\0\0\1\x65")
    return content[:at] + b"\0\0\1\6\4" + bytes([len(body)]) + body + b"\x80" + content[at:]


def _made(folder: Path, name: str, recipe: list[str]) -> bytes:
    words = [str(folder / word[1:]) if word[0] == "@" else word for word in recipe]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y", "-threads", "1"]
    # Or muxers would write numbers by chance, and no mutant be made again.
    end = ["-shortest", "-fflags", "+bitexact", str(folder / name)]
    subprocess.run([*command, *words, *end], check=True, timeout=60)
    return (folder / name).read_bytes()
