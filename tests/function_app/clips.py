"""Clips made by ffmpeg, what lies in a file, and a painter that paints nothing.

The frames of most clips are flat and tell by their grey which one they are.
"""

import io
import struct
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import PictureType

from gpu_worker.plan import Plan, Shard, seal

type Media = Path | bytes

FRAMES = 48
RATE = 24


def numbered(frames: int = FRAMES, size: str = "64x48", rate: str = str(RATE)) -> list[str]:
    """Return the input of a clip whose frame N has a grey of its own."""
    grey = r"geq=lum='20+4*mod(N\,50)':cb=128:cr=128"
    graph = f"color=gray:s={size}:r={rate},trim=end_frame={frames},format=yuv420p,{grey}"
    return ["-f", "lavfi", "-i", graph]


def tone(hertz: int = 440) -> list[str]:
    """Return the input of two seconds of sound."""
    return ["-f", "lavfi", "-i", f"sine=frequency={hertz}:sample_rate=48000:duration=2"]


def tagged(primaries: str, transfer: str, matrix: str, *, full_range: bool = False) -> list[str]:
    """Return the filter that says how the colours are meant, and changes no pixel."""
    colours = f"color_primaries={primaries}:color_trc={transfer}:colorspace={matrix}"
    return ["-vf", f"setparams={colours}:range={'pc' if full_range else 'tv'}"]


# Picture, and sound that begins after half a second.
SILENT_AT_FIRST = [
    *numbered(),
    *tone(),
    *("-af", "volume=0:enable='lt(t,0.5)'", "-c:v", "mpeg4", "-bf", "0"),
]
X264 = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "12", "-x264-params"]
B_FRAMES = [*X264, "b-adapt=0:bframes=2:scenecut=0:keyint=12"]
ONE_KEYFRAME = [*X264, "b-adapt=0:bframes=2:scenecut=0:keyint=9999"]
SHARD = "threads=1:b-adapt=0:bframes=2:scenecut=0"
UNEVEN = [
    *("-vf", r"settb=1/90000,setpts='90000*(N/20+0.02*mod(N\,3))'"),
    *("-fps_mode", "passthrough", "-enc_time_base", "1/90000"),
]
X265 = ["-c:v", "libx265", "-x265-params", "log-level=none"]

# Numbers of ITU-T H.273 that FFmpeg decodes.
NUMBERS = {
    "colour_primaries": (1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 22),
    "transfer_characteristics": (1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17),
    "matrix_coefficients": (0, 1, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14),
}

# A word that begins with @ is the path of another clip.
RECIPES: dict[str, list[str]] = {
    "plain.mp4": [*numbered(), *tone(), *B_FRAMES, "-c:a", "aac"],
    "one_keyframe.mp4": [*numbered(), *ONE_KEYFRAME],
    "one_frame.mp4": [*numbered(frames=1), *B_FRAMES],
    "three_frames.mp4": [*numbered(frames=3), *B_FRAMES],
    "vfr.mp4": [*numbered(), *UNEVEN, *B_FRAMES],
    "vfr.mkv": [*numbered(), *UNEVEN, *B_FRAMES],
    "ntsc.mov": [*numbered(rate="30000/1001"), *B_FRAMES],
    "fragmented.mp4": [*numbered(), *tone(), *B_FRAMES, "-movflags", "frag_keyframe+empty_moov"],
    "odd.webm": [*numbered(size="65x49"), "-c:v", "libvpx-vp9", "-deadline", "realtime"],
    "vp8.webm": [
        *(*numbered(), *tone()),
        *("-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "12", "-c:a", "libvorbis"),
    ],
    "fast_start.mp4": ["-i", "@plain.mp4", "-c", "copy", "-movflags", "faststart"],
    "rotated.mp4": ["-display_rotation", "90", "-i", "@plain.mp4", "-c", "copy"],
    "anamorphic.mp4": [*numbered(), "-vf", "setsar=4/3", *B_FRAMES],
    "offset.mp4": ["-itsoffset", "1.25", "-i", "@plain.mp4", "-c", "copy"],
    "offset.mkv": ["-i", "@plain.mp4", "-c", "copy", "-output_ts_offset", "1.25"],
    # Cut between keyframes: the frames from the keyframe to the cut are there, but not shown.
    "cut.mp4": ["-ss", "0.7", "-i", "@plain.mp4", "-c", "copy"],
    "open_gop.mp4": [*numbered(), *X264, "open-gop=1:keyint=12:bframes=3:b-adapt=0:scenecut=0"],
    # Cut at a keyframe whose leading frames come before zero, and refer to what was cut off.
    "open_at_zero.mkv": ["-ss", "0.7", "-i", "@open_gop.mp4", "-c", "copy"],
    "before_zero.mkv": [
        *("-i", "@one_keyframe.mp4", "-c", "copy"),
        *("-output_ts_offset", "-0.25", "-avoid_negative_ts", "disabled"),
    ],
    "late_sound.mkv": [
        *("-i", "@plain.mp4", "-itsoffset", "0.5", "-i", "@plain.mp4"),
        *("-map", "0:v", "-map", "1:a", "-c", "copy"),
    ],
    "multiplex.ts": [
        *("-i", "@plain.mp4", "-i", "@three_frames.mp4", "-map", "0", "-map", "1", "-map", "0:a"),
        *("-c", "copy", "-program", "st=0:st=1", "-program", "st=2:st=3"),
    ],
    "covered.mp4": [
        *("-i", "@plain.mp4", "-i", "@picture.png", "-map", "0", "-map", "1", "-c", "copy"),
        *("-disposition:v:1", "attached_pic"),
    ],
    "covered_phone.mkv": [
        *("-i", "@plain.mp4", "-c", "copy", "-metadata", "make=Canon", "-attach", "@picture.png"),
        *("-metadata:s:t", "mimetype=image/png", "-metadata:s:t", "filename=cover.png"),
    ],
    "phone.mov": [
        *("-i", "@plain.mp4", "-c", "copy", "-movflags", "use_metadata_tags", "-metadata"),
        *("com.apple.quicktime.make=Apple", "-metadata", "make=Canon", "-metadata", "title=Trip"),
    ],
    "encrypted.mp4": [
        *("-i", "@plain.mp4", "-c", "copy", "-encryption_scheme", "cenc-aes-ctr"),
        *("-encryption_key", "76a6c65c5ea762046bd749a2e632ccbb"),
        *("-encryption_kid", "a7e61c373e219033c21091fa607bf3b8"),
    ],
    "rgb.mov": [*numbered(frames=2), "-pix_fmt", "rgb24", "-c:v", "png"],
    "see_through.mov": [
        *("-f", "lavfi", "-i", "color=red@0.5:s=64x48:r=24,format=rgba,trim=end_frame=3"),
        *("-c:v", "png"),
    ],
    "p3.mp4": [*numbered(), *X265, *tagged("smpte432", "smpte2084", "bt2020nc")],
    **{
        f"{kind}_{number}.mp4": [
            *("-i", "@plain.mp4", "-map", "0:v", "-c", "copy"),
            *("-bsf:v", f"h264_metadata={kind}={number}"),
        ]
        for kind, numbers in NUMBERS.items()
        for number in numbers
    },
    "full_range.mp4": [
        *(*numbered(), *tagged("bt709", "iec61966-2-1", "bt709", full_range=True), *B_FRAMES),
    ],
    "pal.mp4": [*numbered(), *tagged("bt470bg", "unknown", "bt470bg"), *B_FRAMES],
    "pq.mp4": [*numbered(), *X265, *tagged("bt2020", "smpte2084", "bt2020nc")],
    "hlg.mp4": [*numbered(), *X265, *tagged("bt2020", "arib-std-b67", "bt2020nc")],
    "hd.mp4": [*numbered(frames=2, size="1280x720"), *B_FRAMES],
    "mjpeg.mov": [*numbered(), "-vf", "scale=out_range=pc", "-c:v", "mjpeg"],
    "interlaced.mp4": [*numbered(), *X264, "tff=1:bframes=2:b-adapt=0", "-flags", "+ilme+ildct"],
    "tracks.mkv": [
        *("-i", "@plain.mp4", *tone(880), "-i", "@words.srt", "-i", "@words.ass"),
        *("-i", "@chapters.txt", "-map_metadata", "4", "-map", "0", "-map", "1"),
        *("-map", "2", "-map", "3", "-c", "copy", "-c:a:1", "libopus"),
        *("-c:s:0", "srt", "-c:s:1", "ass", "-metadata:s:a:0", "language=fra"),
        *("-metadata:s:a:1", "language=deu", "-metadata:s:a:1", "title=Kommentar"),
        *("-metadata:s:s:0", "language=eng", "-metadata:s:s:1", "language=nld"),
        *("-disposition:a:0", "0", "-disposition:a:1", "default"),
    ],
    "chapters.mp4": ["-i", "@plain.mp4", "-i", "@chapters.txt", "-map_metadata", "1", "-c", "copy"],
    "texts_and_chapters.mp4": [
        *("-i", "@plain.mp4", "-i", "@words_at_once.srt", "-i", "@chapters.txt", "-map", "0:v"),
        *("-map", "1", "-map_metadata", "2", "-c", "copy", "-c:s", "mov_text"),
    ],
    "pcm.mov": ["-i", "@plain.mp4", "-c:v", "copy", "-c:a", "pcm_s16le"],
    "flac.mkv": ["-i", "@plain.mp4", "-c:v", "copy", "-c:a", "flac"],
    "vorbis.mkv": ["-i", "@plain.mp4", "-c:v", "copy", "-c:a", "libvorbis"],
    "mulaw.mov": ["-i", "@plain.mp4", "-c:v", "copy", "-c:a", "pcm_mulaw", "-ac", "1"],
    "wma.mkv": ["-i", "@plain.mp4", "-c:v", "copy", "-c:a", "wmav2"],
    "truehd.mkv": [*SILENT_AT_FIRST, "-c:a", "truehd", "-strict", "-2"],
    "odd_rate.mkv": [*SILENT_AT_FIRST, "-c:a", "pcm_u8", "-ar", "11024"],
    "high_rate.mkv": [*SILENT_AT_FIRST, "-c:a", "pcm_u8", "-ar", "192000"],
    "adpcm.avi": [*SILENT_AT_FIRST, "-c:a", "adpcm_ms"],
    "quad.mkv": [*SILENT_AT_FIRST, "-c:a", "pcm_u8", "-ac", "4"],
    "surround.mkv": [*SILENT_AT_FIRST, "-c:a", "pcm_u8", "-ac", "7"],
    "far_too_many.mkv": [*SILENT_AT_FIRST, "-c:a", "pcm_u8", "-ac", "16"],
    "at_once.mkv": [
        *("-i", "@plain.mp4", "-i", "@at_once.ass", "-map", "0", "-map", "1", "-c", "copy"),
        *("-c:s", "ass"),
    ],
    "bitmaps.mkv": [
        *("-i", "@plain.mp4", "-i", "@bitmaps.sup", "-map", "0:v", "-map", "1", "-c", "copy"),
    ],
    "attached.mkv": [
        *("-i", "@tracks.mkv", "-map", "0", "-c", "copy", "-attach", "@words.srt"),
        *("-metadata:s:t", "mimetype=text/plain", "-metadata:s:t", "filename=note.txt"),
    ],
    # The first is default, the second larger, the third longer.
    "pictures.mkv": [
        *("-i", "@plain.mp4", "-i", "@anamorphic_large.mp4", "-i", "@long.mp4"),
        *("-map", "0:v", "-map", "1:v", "-map", "2:v", "-c", "copy"),
    ],
    "hundred_pictures.mkv": [
        *("-i", "@three_frames.mp4", *(["-map", "0:v"] * 100), "-c", "copy"),
    ],
    "long_name.mkv": [
        *("-i", "@one_frame.mp4", "-c", "copy", "-attach", "@words.srt"),
        *("-metadata:s:t", "mimetype=text/plain", "-metadata:s:t", f"filename={'a' * 2000}"),
    ],
    "anamorphic_large.mp4": [*numbered(size="96x64"), *B_FRAMES],
    "long.mp4": [*numbered(frames=96, size="32x32"), *B_FRAMES],
    "two_pictures.mkv": [
        *("-i", "@anamorphic_large.mp4", "-i", "@plain.mp4", "-map", "0:v", "-map", "1:v"),
        *("-c", "copy", "-disposition:v:0", "0", "-disposition:v:1", "default"),
    ],
    "many.mkv": [
        *("-f", "lavfi", "-i", "sine=duration=0.1:sample_rate=8000"),
        *(["-map", "0"] * 66),
        *("-c:a", "pcm_s16le"),
    ],
    "plain.nut": ["-i", "@plain.mp4", "-c", "copy"],
    "plain.ts": ["-i", "@plain.mp4", "-c", "copy"],
    "plain.avi": [*numbered(), *tone(), "-c:v", "mpeg4", "-bf", "0", "-c:a", "libmp3lame"],
    "gaps.avi": [
        *(*numbered(), "-vf", r"select='not(eq(mod(n\,6)\,5))'", "-fps_mode", "passthrough"),
        *("-c:v", "mpeg4"),
    ],
    "vp8.ivf": [*numbered(frames=3), "-c:v", "libvpx"],
    "theora.ogg": [*numbered(), "-c:v", "libtheora"],
    "flv1.flv": [*numbered(), "-c:v", "flv"],
    "wmv2.asf": [*numbered(), "-c:v", "wmv2"],
    "newton.gif": [*numbered(frames=12, rate="25")],
    "newton.apng": [*numbered(frames=12, rate="25")],
    "newton.webp": [*numbered(frames=12, rate="25"), "-c:v", "libwebp_anim", "-lossless", "1"],
    "mpeg4.mp4": [*numbered(), "-c:v", "mpeg4", "-bf", "2"],
    "plain.wtv": [*numbered(rate="25"), *tone(), "-c:v", "mpeg2video", "-bf", "2", "-c:a", "mp2"],
    "plain.gxf": [
        *numbered(rate="25"),
        *tone(),
        "-s",
        "720x576",
        "-c:v",
        "mpeg2video",
        "-bf",
        "2",
        *("-c:a", "pcm_s16le", "-ar", "48000", "-ac", "1"),
    ],
    "mpeg2.mpg": [*numbered(rate="25"), *tone(), "-c:v", "mpeg2video", "-bf", "2", "-c:a", "mp2"],
    "audio.mp4": [*tone(), "-c:a", "aac"],
    "cover.mp4": [
        *("-i", "@audio.mp4", "-i", "@picture.png", "-map", "0", "-map", "1", "-c", "copy"),
        *("-disposition:v:0", "attached_pic"),
    ],
    **{
        f"picture.{suffix}": [*numbered(frames=1), "-update", "1"]
        for suffix in ("png", "jpg", "gif", "bmp", "tiff", "webp")
    },
}
_AT_ONCE = (
    ("0.50", "1.50", "ONE sings"),
    ("0.50", "1.50", "TWO translates"),
    ("2.00", "3.80", "LONG sign"),
    ("2.50", "3.00", "SHORT speech"),
)
TEXTS = {
    "words.srt": "1\n00:00:00,200 --> 00:00:00,900\nHello\n\n"
    "2\n00:00:01,000 --> 00:00:01,500\nWorld & <i>all</i>\n",
    "words_at_once.srt": "1\n00:00:00,000 --> 00:00:00,500\nHello\n\n"
    "2\n00:00:00,500 --> 00:00:01,500\nWorld\n",
    "words.ass": "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname\n"
    "Style: Default,Arial\n\n[Events]\n"
    "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    "Dialogue: 0,0:00:00.50,0:00:01.25,Default,,0,0,0,,Hallo\n",
    "at_once.ass": "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\n"
    "Format: Name, Fontname\nStyle: Default,Arial\n\n[Events]\n"
    "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    + "".join(
        f"Dialogue: 0,0:00:0{start},0:00:0{end},Default,,0,0,0,,{text}\n"
        for start, end, text in _AT_ONCE
    ),
    "chapters.txt": ";FFMETADATA1\ntitle=A film\nartist=Somebody\n"
    "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=750\ntitle=First\n"
    "[CHAPTER]\nTIMEBASE=1/1000\nSTART=750\nEND=2000\ntitle=Zweites\n",
    "empty.mp4": "",
    "text.mp4": "Dear diary,\ntoday I uploaded a text. Ünïcode it was.\n" * 200,
}
PLAYLISTS = {
    "hls.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{target}\n#EXT-X-ENDLIST\n",
    "marked_hls.mp4": "\ufeff\n#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{target}\n",
    "concat.mp4": "ffconcat version 1.0\nfile '{target}'\n",
    "bare_concat.mp4": "file '{target}'\n",
    "dash.mp4": '<?xml version="1.0"?>\n<MPD><BaseURL>{target}</BaseURL></MPD>\n',
}


class Clips:
    """Clips by name, each made when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __getitem__(self, name: str) -> Path:
        file = self._folder / name
        if not file.exists():
            self._make(file)
        return file

    def _make(self, file: Path) -> None:
        if file.name in TEXTS:
            file.write_text(TEXTS[file.name])
            return
        if file.suffix == ".sup":
            file.write_bytes(blank_pictures())
            return
        words = [str(self[word[1:]]) if word[0] == "@" else word for word in RECIPES[file.name]]
        ffmpeg(*words, str(file))


def blank_pictures() -> bytes:
    """Return subtitles of a Blu-ray that clear the screen thrice: segments as a .sup file has them.

    Each is a header (the letters PG, two times in 1/90000 s, a kind, a length) and its body.
    """
    composition = struct.pack(">HHBHBBBB", 64, 48, 0x10, 0, 0x80, 0, 0, 0)
    window = b"\0"
    parts = {0x16: composition, 0x17: window, 0x80: b""}
    return b"".join(
        struct.pack(">2sIIBH", b"PG", second * 45_000, 0, kind, len(body)) + body
        for second in range(3)
        for kind, body in parts.items()
    )


def ffmpeg(*words: str) -> None:
    """Run ffmpeg on one thread."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y", "-threads", "1"]
    subprocess.run([*command, *words], check=True, timeout=60)


def opened(file: Media) -> InputContainer:
    """Open a file that lies on disk or in memory."""
    return av.open(io.BytesIO(file) if isinstance(file, bytes) else file)


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded frame: when it is shown, in seconds, and its grey, in 0-255."""

    time: Fraction
    grey: int


def frames_of(file: Media) -> list[Frame]:
    """Decode the frames of the best video stream."""
    with opened(file) as container:
        return [
            Frame(frame.pts * frame.time_base, frame.to_ndarray(format="gray")[8, 8].item())
            for frame in container.decode(container.streams.best("video"))
        ]


def zero_of(file: Path) -> Fraction:
    """Return the time that a result begins at: a broadcast's earliest picture or sound, else 0."""
    if file.suffix not in {".ts", ".mpg", ".wtv"}:
        return Fraction(0)
    return min(times_of(file, kind)[0] for kind in kinds_of(file) & {"video", "audio"})


def kinds_of(file: Media) -> set[str]:
    """Return the types of the streams."""
    with opened(file) as container:
        return {stream.type for stream in container.streams}


def packets_of(file: Media, kind: str, number: int = 0) -> list[bytes]:
    """Return the content of the packets of one stream of a kind."""
    with opened(file) as container:
        stream = [each for each in container.streams if each.type == kind][number]
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


def times_of(file: Media, kind: str, number: int = 0) -> list[Fraction]:
    """Return when the packets of one stream of a kind are to be shown or heard, in seconds."""
    with opened(file) as container:
        stream = [each for each in container.streams if each.type == kind][number]
        return [p.pts * p.time_base for p in container.demux(stream) if p.pts is not None]


def display_matrix_of(file: Media) -> tuple[int, ...]:
    """Return the display matrix of the first frame; empty if there is none."""
    with opened(file) as container:
        for data in next(container.decode(video=0)).side_data:
            if data.type == SideDataType.DISPLAYMATRIX:
                return tuple(memoryview(data).cast("B").cast("i"))
    return ()


def paint(plan: Plan, source: Media) -> dict[Shard, bytes]:
    """Encode the frames of each shard of a plan as they are, as the worker would."""
    with opened(source) as container:
        stream = container.streams[plan.stream]
        frames = [frame for frame in container.decode(stream) if frame.pts is not None]
    assert [frame.pts for frame in frames] == list(plan.source)
    return {shard: sealed(plan, shard, frames[shard.first : shard.last]) for shard in plan.shards}


def sealed(plan: Plan, shard: Shard, frames: list[av.VideoFrame]) -> bytes:
    """Encode frames to one shard, with its seal."""
    content = encode(plan, frames)
    return content + seal(plan, shard, [content])


def encode(plan: Plan, frames: list[av.VideoFrame]) -> bytes:
    """Encode frames to one shard, with B-frames and the colours that the plan says."""
    out, picture = io.BytesIO(), plan.picture
    colours = (
        f"colormatrix={picture.matrix}:colorprim={picture.primaries}:transfer={picture.transfer}"
    )
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height = picture.padded_size
        stream.pix_fmt = "yuv420p"
        stream.color_range = 2 if picture.full_range else 1
        stream.sample_aspect_ratio = Fraction(*picture.sample_aspect_ratio)
        stream.options = {"preset": "veryfast", "crf": "12", "x264-params": f"{SHARD}:{colours}"}
        for number, frame in enumerate(frames):
            padded = frame.reformat(stream.width, stream.height, "yuv420p")
            padded.pict_type = PictureType.NONE
            padded.pts, padded.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(padded))
        container.mux(stream.encode(None))
    return out.getvalue()
