"""x264 presets on styled frames: how fast, how large, how true, at the worker's quality.

Painted frames have more edges than filmed ones, so what is known of film need not hold. A clip is
painted once with the default style; its frames are then encoded by each preset, by one core.

    python -m benchmarks.presets [--seconds 4]
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import imageio_ffmpeg
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.media import make_clip, plan_of
from benchmarks.network import STYLE
from benchmarks.report import keep
from gpu_worker.decode import frames
from gpu_worker.machine import Precision
from gpu_worker.model import load_style
from gpu_worker.paint import paint

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium")
CRF = 18
SIZE = (640, 360)
CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Measured:
    """What one preset does at CRF 18.

    Attributes:
        preset: of x264.
        core_ms_per_frame: CPU time.
        kilobits_per_frame: size.
        ssim: structural similarity to the painted frames, all planes.
    """

    preset: str
    core_ms_per_frame: float
    kilobits_per_frame: float
    ssim: float


def main() -> None:
    """Measure, print a table and keep the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.presets", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4)
    rows = list(measure(parser.parse_args().seconds))
    keep("presets", ("torch", "imageio-ffmpeg"), {"crf": CRF, "rows": [asdict(r) for r in rows]})
    shown = Table("preset", "core ms/frame", "kbit/frame", "SSIM", title="x264 on painted frames")
    for row in rows:
        shown.add_row(*map(str, asdict(row).values()))
    Console().print(shown)


def measure(seconds: float) -> Iterator[Measured]:
    """Paint a clip and encode it by each preset."""
    with tempfile.TemporaryDirectory() as name:
        video, raw = Path(name) / "clip.mp4", Path(name) / "painted.yuv"
        make_clip(video, seconds, SIZE)
        count = _paint(video, raw)
        for preset in PRESETS:
            yield _encoded(raw, preset, count)


def _paint(video: Path, raw: Path) -> int:
    """Write the painted frames one after the other; return how many."""
    plan = plan_of(video, 1)
    network = load_style(STYLE).network.to(Precision.choose(CPU).dtype)
    with raw.open("wb") as file:
        for shard in plan.shards:
            for frame in paint(frames(video, plan, shard, 1), network, plan, CPU):
                file.write(frame.planes.tobytes())
    return plan.frame_count


def _encoded(raw: Path, preset: str, count: int) -> Measured:
    source = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", "{}x{}".format(*SIZE), "-i", str(raw))
    coded = raw.with_suffix(".mp4")
    encoder = ("-c:v", "libx264", "-preset", preset, "-crf", str(CRF), "-threads", "1")
    before = _children_seconds()
    _ffmpeg(*source, *encoder, "-y", str(coded))
    seconds = _children_seconds() - before
    said = _ffmpeg("-i", str(coded), *source, "-lavfi", "ssim", "-f", "null", "-")
    ssim = re.findall(r"All:([\d.]+)", said)[-1]
    return Measured(
        preset,
        round(1000 * seconds / count, 2),
        round(coded.stat().st_size * 8 / 1000 / count, 1),
        float(ssim),
    )


def _ffmpeg(*words: str) -> str:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stderr


def _children_seconds() -> float:
    """CPU seconds of the processes that were started and have ended."""
    return sum(os.times()[2:4])


if __name__ == "__main__":
    main()
