"""Clips for whole jobs: one that moves, one that is damaged, and files that are no use at all."""

from functools import cache
from pathlib import Path

from tests.function_app.clips import Clips, ffmpeg

SIZE = "160x120"
RATE = 25
# Where to hit a file: from a third to a half, far from its index at the front and from its end.
DAMAGE = (3, 2)


class Media:
    """Files as bytes."""

    def __init__(self, folder: Path, clips: Clips) -> None:
        self._folder = folder
        self._clips = clips

    @cache  # noqa: B019 - lives as long as the tests do
    def moving(self, seconds: int, rate: int = RATE) -> bytes:
        """A clip in which everything moves, with sound and B-frames, and a key each two seconds."""
        source = f"testsrc2=s={SIZE}:r={rate}:d={seconds}"
        tone = f"sine=d={seconds}:sample_rate=44100"
        x264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", str(2 * rate))
        inputs = ("-f", "lavfi", "-i", source, "-f", "lavfi", "-i", tone)
        return self._made("moving.mp4", *inputs, *x264, "-movflags", "faststart")

    def damaged(self) -> bytes:
        """A clip with noise written over a stretch of its middle."""
        clip = bytearray(self.moving(4))
        start, end = len(clip) // DAMAGE[0], len(clip) // DAMAGE[1]
        clip[start:end] = bytes(range(7, 256)) * ((end - start) // 249 + 1)
        return bytes(clip[: len(self.moving(4))])

    def unusable(self, name: str) -> bytes:
        """A file that no job can use."""
        match name:
            case "no_index.mp4":
                return self._clips["plain.mp4"].read_bytes()[:2000]
            case "cut_short.mp4":
                whole = self.moving(2)
                return whole[: len(whole) * 6 // 10]
            case "huge.mp4":
                return self._still("huge.mp4", "size=2048x1088:rate=1:duration=1")
            case "long.mp4":
                return self._still("long.mp4", "size=32x32:rate=1:duration=70")
            case "hls.mp4":
                return b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/hostname\n"
            case "concat.mp4":
                return b"ffconcat version 1.0\nfile '/etc/hostname'\n"
            case "noise.mp4":
                return bytes(range(256)) * 64
            case _:
                return self._clips[name].read_bytes()

    def _still(self, name: str, options: str) -> bytes:
        return self._made(name, "-f", "lavfi", "-i", f"color=gray:{options}", "-pix_fmt", "yuv420p")

    def _made(self, name: str, *words: str) -> bytes:
        file = self._folder / name
        ffmpeg(*words, str(file))
        return file.read_bytes()
