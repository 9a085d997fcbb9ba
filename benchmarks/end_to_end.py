"""From a video file to a painted video file: the worker, beside the reference's way.

Both paint the same clip with the same weights of TransformerNet, width 32, 5 blocks; the worker
paints it with the default style too, on one core, on all cores as one rank, and on all cores as a
rank each. All time counts, that of starting Python included. What starting takes is measured by
starting once more when nothing is left to paint, and given beside.

    python -m benchmarks.end_to_end [--size 640x360] [--seconds 5] [--style-seconds 20]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from benchmarks import baseline
from benchmarks.ceilings import decode_rate, encode_rate
from benchmarks.media import ffmpeg, make_clip, plan_of
from benchmarks.network import REFERENCE, STYLE
from benchmarks.report import keep
from function_app.extras import Sidecar
from function_app.join import join
from gpu_worker.model import save_style
from gpu_worker.networks import build
from gpu_worker.plan import Plan, Shard

SHARDS_PER_RANK = 4
SHORTEST = 0.01
"""Seconds of painting at least: with a toy clip, starting may take longer than the whole."""


@dataclass(frozen=True, slots=True)
class Run:
    """One video, painted.

    Attributes:
        way: who painted, with what.
        cores: of the CPU.
        ranks: MPI processes.
        frames: of the video.
        seconds: from video file to painted video file.
        starting: seconds of it in which nothing is painted yet; 0 where not measured.
        core_seconds: CPU time of all processes, which other work on the machine disturbs least.
    """

    way: str
    cores: int
    ranks: int
    frames: int
    seconds: float
    starting: float = 0.0
    core_seconds: float = 0.0

    @property
    def frames_per_second(self) -> float:
        """Over all of the time."""
        return self.frames / self.seconds

    @property
    def painting_rate(self) -> float:
        """Frames a second once started."""
        return self.frames / max(self.seconds - self.starting, SHORTEST)


def main() -> None:
    """Measure, print a table and keep the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.end_to_end", description=__doc__)
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--seconds", type=float, default=5, help="of the clip for TransformerNet")
    parser.add_argument("--style-seconds", type=float, default=20, help="of that for the style")
    parser.add_argument("--ranks", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    result = measure(options.size, options.seconds, options.style_seconds, options.ranks)
    keep("end_to_end", ("torch", "mpi4py", "imageio-ffmpeg"), result)
    Console().print(table(result))


def measure(size: str, seconds: float, style_seconds: float, ranks: int) -> dict[str, object]:
    """Paint in every way; return what is kept."""
    width, height = map(int, size.split("x"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        short, long = folder / "short.mp4", folder / "long.mp4"
        make_clip(short, seconds, (width, height))
        make_clip(long, style_seconds, (width, height))
        reference = folder / "reference.safetensors"
        torch.manual_seed(0)
        save_style(reference, build(REFERENCE), {})
        runs = [*_same_weights(short, reference, ranks), *_default_style(long, ranks)]
        stages = _stages(long, (width, height))
    return {
        "size": size,
        "runs": [_described(run) for run in runs],
        "times_the_baseline": round(runs[1].frames_per_second / runs[0].frames_per_second, 2),
        "ranks_against_one": round(runs[4].painting_rate / runs[3].painting_rate, 3),
        "core_efficiency": round(runs[4].painting_rate / runs[2].painting_rate / runs[4].cores, 3),
        "stages_frames_per_second": stages,
    }


def _same_weights(video: Path, style: Path, ranks: int) -> Iterator[Run]:
    plan = plan_of(video, SHARDS_PER_RANK * ranks)
    out = video.with_name("baseline.mp4")
    start, core_start = time.perf_counter(), _children_seconds()
    baseline.paint_video(video, style, out, ranks)
    taken, core_seconds = time.perf_counter() - start, _children_seconds() - core_start
    way, frames = "baseline, TransformerNet", plan.frame_count
    yield Run(way, _cores(), ranks, frames, round(taken, 2), 0.0, round(core_seconds, 2))
    yield paint("worker, TransformerNet", video, plan, style, ranks)


def _default_style(video: Path, ranks: int) -> Iterator[Run]:
    way, plan = f"worker, {STYLE.stem}", plan_of(video, SHARDS_PER_RANK * ranks)
    yield paint(way, video, plan, STYLE, 1, cores=1)
    yield paint(way, video, plan, STYLE, 1)
    yield paint(way, video, plan, STYLE, ranks)


def paint(
    way: str, video: Path, plan: Plan, style: Path, ranks: int, cores: int | None = None
) -> Run:
    """Paint a video by the worker, join it, and add the sound."""
    with tempfile.TemporaryDirectory(dir=video.parent) as name:
        folder = Path(name)
        plan_file, shards = folder / "plan.json", folder / "shards"
        plan_file.write_text(plan.to_json())
        files = ("--plan", plan_file, "--video", video, "--style", style, "--out", shards)
        start, core_start = time.perf_counter(), _children_seconds()
        _mpiexec(ranks, cores, *files)
        _join(plan, shards, video, folder)
        seconds, core_seconds = time.perf_counter() - start, _children_seconds() - core_start
        again = time.perf_counter()
        _mpiexec(ranks, cores, *files)
        starting = time.perf_counter() - again
    times = (round(value, 2) for value in (seconds, starting, core_seconds))
    return Run(way, cores or _cores(), ranks, plan.frame_count, *times)


def _mpiexec(ranks: int, cores: int | None, *words: str | Path) -> None:
    pinned = ["taskset", "--cpu-list", f"0-{cores - 1}"] if cores else []
    launcher = [str(Path(sys.executable).with_name("mpiexec")), "-n", str(ranks)]
    worker = [sys.executable, "-m", "gpu_worker.score", *map(str, words)]
    subprocess.run([*pinned, *launcher, *worker], check=True, stderr=subprocess.DEVNULL)


def _join(plan: Plan, shards: Path, video: Path, folder: Path) -> None:
    joined, painted = folder / "joined.mp4", folder / "painted.mp4"

    def opened(shard: Shard):
        return (shards / shard.name).open("rb")

    with joined.open("wb+") as file:
        join(plan, opened, None, Sidecar((), {}, 0), file)
    tracks = ("-map", "0:v", "-map", "1:a?", "-c", "copy")
    ffmpeg("-i", joined, "-i", video, *tracks, painted)


def _stages(video: Path, size: tuple[int, int]) -> dict[str, float]:
    """Rates of what works beside the network, each alone with all cores."""
    frames = plan_of(video, 1).frame_count
    raw = video.with_suffix(".yuv")
    ffmpeg("-i", video, "-pix_fmt", "yuv420p", "-f", "rawvideo", raw)
    return {
        "decode": round(decode_rate(video, frames), 1),
        "encode": round(encode_rate(raw, size, frames, "veryfast", 18), 1),
    }


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _children_seconds() -> float:
    """CPU seconds of the processes that were started and have ended."""
    return sum(os.times()[2:4])


def _described(run: Run) -> dict[str, object]:
    return asdict(run) | {
        "frames_per_second": round(run.frames_per_second, 2),
        "painting_rate": round(run.painting_rate, 2),
        "core_ms_per_frame": round(1000 * run.core_seconds / run.frames, 1),
    }


def table(result: dict[str, object]) -> Table:
    """Show the runs."""
    shown = Table(title=f"End to end, {result['size']}", caption=_caption(result))
    for column in (
        "way",
        "cores",
        "ranks",
        "frames",
        "s",
        "starting s",
        "core s",
        "frames/s",
        "started",
        "core ms",
    ):
        shown.add_column(column, justify="left" if column == "way" else "right")
    for run in result["runs"]:
        shown.add_row(*map(str, run.values()))
    return shown


def _caption(result: dict[str, object]) -> str:
    stages = result["stages_frames_per_second"]
    return (
        f"{result['times_the_baseline']} x the baseline; ranks against one:"
        f" {result['ranks_against_one']}; efficiency of cores: {result['core_efficiency']}; alone:"
        f" decoding {stages['decode']}, encoding {stages['encode']} frames/s"
    )


if __name__ == "__main__":
    main()
