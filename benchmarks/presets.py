"""x264 presets on styled frames: how fast, how large, how true, at the worker's quality.

Painted frames have more edges than filmed ones, so what is known of film need not hold. A clip is
painted once with the default style; its frames are then encoded by each preset, by one core.

    python -m benchmarks.presets [--seconds 4]
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean

import torch

from benchmarks import report
from benchmarks.media import Size, ffmpeg, make_clip, plan_of, raw_input, x264
from benchmarks.network import STYLE
from benchmarks.timing import children_seconds
from gpu_worker.frames.decode import frames
from gpu_worker.hardware.precision import Precision
from gpu_worker.plan import Encoding
from gpu_worker.ranks.paint import paint
from gpu_worker.styles.model import load_style

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium")
SIZE = Size(640, 360)
CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Row:
    """What one preset does at the worker's quality.

    Attributes:
        preset: of x264.
        core_ms_per_frame: CPU time in milliseconds.
        kilobits_per_frame: size, 10^3 bits.
        ssim: structural similarity to the painted frames (Wang et al. 2004), mean of all planes.
    """

    preset: str
    core_ms_per_frame: float
    kilobits_per_frame: float
    ssim: float


def main() -> None:
    """Measure, print a table and keep the results."""
    parser = report.options("benchmarks.presets", __doc__)
    parser.add_argument("--seconds", type=float, default=4, help="of the clip")
    options = parser.parse_args()
    rows = [asdict(row) for row in measure(options.seconds)]
    kept = {"size": str(SIZE), "crf": Encoding().crf, "rows": rows}
    report.keep(options.results, "presets", ("torch", "imageio-ffmpeg"), kept)
    report.show("x264 on painted frames", rows)


def measure(seconds: float) -> Iterator[Row]:
    """Paint a clip and encode it by each preset."""
    with tempfile.TemporaryDirectory() as name:
        video, raw = Path(name) / "clip.mp4", Path(name) / "painted.yuv"
        make_clip(video, seconds, SIZE)
        count = _paint(video, raw)
        for preset in PRESETS:
            yield _encode(raw, replace(Encoding(), preset=preset), count)


def _paint(video: Path, raw: Path) -> int:
    """Write the painted frames one after the other; return how many."""
    plan = plan_of(video, 1)
    network = load_style(STYLE).network.to(Precision.choose(CPU).dtype)
    with raw.open("wb") as file:
        for shard in plan.shards:
            for frame in paint(frames(video, plan, shard, 1), network, plan, CPU):
                file.write(frame.planes.tobytes())
    return plan.frame_count


def _encode(raw: Path, encoding: Encoding, count: int) -> Row:
    source, coded = raw_input(raw, SIZE), raw.with_suffix(".mp4")
    before = children_seconds()
    ffmpeg(*source, *x264(encoding), "-threads", "1", "-y", coded)
    core_seconds = children_seconds() - before
    return Row(
        preset=encoding.preset,
        core_ms_per_frame=round(1000 * core_seconds / count, 2),
        kilobits_per_frame=round(coded.stat().st_size * 8 / 1000 / count, 1),
        ssim=round(_ssim(coded, *source), 4),
    )


def _ssim(coded: Path, *source: str | Path) -> float:
    notes = coded.with_suffix(".ssim")
    ffmpeg("-i", coded, *source, "-lavfi", f"ssim=stats_file={notes}", "-f", "null", "-")
    return fmean(map(float, re.findall(r"All:([\d.]+)", notes.read_text())))


if __name__ == "__main__":
    main()
