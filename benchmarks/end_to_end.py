"""From a video file to a painted video file: the worker, beside the reference's way.

Both paint the same clip with the same weights of TransformerNet, width 32, 5 blocks; the worker
paints it with the default style too, steadied as in a job, on one core, on all cores as one rank,
and on all cores as a rank each. All time counts, that of starting Python included. What starting
takes is measured by starting once more when nothing is left to paint, and given beside. The two
ways take turns, several rounds, for a machine is not as fast at one time as at another: each round
has its own ratio, and the figures are those of the median one.

    python -m benchmarks.end_to_end [--size 640x360] [--seconds 10] [--style-seconds 20]
                                    [--rounds 3]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO

import torch

from benchmarks import baseline, report
from benchmarks.ceilings import decode_rate, encode_rate
from benchmarks.media import Size, ffmpeg, make_clip, plan_of
from benchmarks.network import REFERENCE, STYLE
from benchmarks.timing import children_seconds, seconds
from function_app.media.extras import Sidecar
from function_app.media.join import join
from gpu_worker.networks.architectures import build
from gpu_worker.plan import REACH, Plan, Shard
from gpu_worker.styles.model import save_style

PACKAGES = ("torch", "mpi4py", "imageio-ffmpeg")
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
    starting: float
    core_seconds: float

    @property
    def frames_per_second(self) -> float:
        """Over all of the time."""
        return self.frames / self.seconds

    @property
    def painting_rate(self) -> float:
        """Frames a second once started."""
        return self.frames / max(self.seconds - self.starting, SHORTEST)

    @property
    def figures(self) -> dict[str, object]:
        """What is kept and shown."""
        return {
            **asdict(self),
            "frames_per_second": round(self.frames_per_second, 2),
            "painting_rate": round(self.painting_rate, 2),
            "core_ms_per_frame": round(1000 * self.core_seconds / self.frames, 1),
        }


@dataclass(frozen=True, slots=True)
class Round:
    """A clip painted twice with the same weights, by as many cores and ranks.

    Attributes:
        reference: the reference's way.
        worker: the worker's.
    """

    reference: Run
    worker: Run

    @property
    def times_the_baseline(self) -> float:
        """How many times as fast the worker is."""
        return round(self.worker.frames_per_second / self.reference.frames_per_second, 2)


@dataclass(frozen=True, slots=True)
class Measured:
    """A clip, painted in every way.

    Attributes:
        size: of the clip.
        rounds: of the reference's way and the worker's, by how many times the worker is as fast.
        one_core: the default style on one core.
        one_rank: on all cores, as one rank.
        all_ranks: on all cores, as many ranks as were asked for.
        stages: frames a second of what works beside the network, each alone with all cores.
    """

    size: Size
    rounds: Sequence[Round]
    one_core: Run
    one_rank: Run
    all_ranks: Run
    stages: dict[str, float]

    @property
    def median(self) -> Round:
        """The round in the middle."""
        return self.rounds[len(self.rounds) // 2]

    @property
    def runs(self) -> list[dict[str, object]]:
        """The figures of each run; the last ones are the same on one core, or with one rank."""
        pair = self.median
        every = (pair.reference, pair.worker, self.one_core, self.one_rank, self.all_ranks)
        return [run.figures for run in dict.fromkeys(every)]

    @property
    def figures(self) -> dict[str, object]:
        """What is kept."""
        best, cores = self.all_ranks, self.all_ranks.cores
        return {
            "size": str(self.size),
            "runs": self.runs,
            "times_the_baseline": self.median.times_the_baseline,
            "times_of_all_rounds": [each.times_the_baseline for each in self.rounds],
            "ranks_against_one": round(best.painting_rate / self.one_rank.painting_rate, 3),
            "core_efficiency": round(best.painting_rate / self.one_core.painting_rate / cores, 3),
            "stages_frames_per_second": self.stages,
        }

    def show(self) -> None:
        """Print the runs as a table, with what follows from them."""
        rest = {key: value for key, value in self.figures.items() if key not in ("size", "runs")}
        caption = "; ".join(f"{key.replace('_', ' ')}: {value}" for key, value in rest.items())
        report.show(f"End to end, {self.size}", self.runs, caption)


def main() -> None:
    """Measure, print a table and keep the results."""
    parser = report.options("benchmarks.end_to_end", __doc__)
    parser.add_argument("--size", type=Size.parse, default="640x360")
    parser.add_argument("--seconds", type=float, default=10, help="of the clip for TransformerNet")
    parser.add_argument("--style-seconds", type=float, default=20, help="of that for the style")
    parser.add_argument("--ranks", type=int, default=len(_cpus()))
    parser.add_argument("--rounds", type=report.times, default=3, help="of both ways (default: 3)")
    options = parser.parse_args()
    lengths = options.seconds, options.style_seconds
    measured = measure(options.size, *lengths, options.ranks, options.rounds)
    report.keep(options.results, "end_to_end", PACKAGES, measured.figures)
    measured.show()


def measure(
    size: Size, clip_seconds: float, style_seconds: float, ranks: int, rounds: int
) -> Measured:
    """Paint in every way, one after the other."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        short, long = folder / "short.mp4", folder / "long.mp4"
        make_clip(short, clip_seconds, size)
        make_clip(long, style_seconds, size)
        weights = folder / "TransformerNet.safetensors"
        torch.manual_seed(0)
        save_style(weights, build(REFERENCE), {})
        cores = len(_cpus())
        one_core = _by_worker(long, STYLE, 1, 1, REACH)
        one_rank = _by_worker(long, STYLE, 1, cores, REACH) if cores > 1 else one_core
        all_ranks = _by_worker(long, STYLE, ranks, cores, REACH) if ranks > 1 else one_rank
        turns = [
            Round(_by_reference(short, weights, ranks), _by_worker(short, weights, ranks, cores))
            for _ in range(rounds)
        ]
        return Measured(
            size=size,
            rounds=sorted(turns, key=attrgetter("times_the_baseline")),
            one_core=one_core,
            one_rank=one_rank,
            all_ranks=all_ranks,
            stages=_stages(long, size),
        )


def _by_reference(video: Path, style: Path, ranks: int) -> Run:
    frames = plan_of(video, SHARDS_PER_RANK * ranks).frame_count
    before = children_seconds()
    out = video.with_name("baseline.mp4")
    taken = seconds(lambda: baseline.paint_video(video, style, out, ranks))
    core_seconds = round(children_seconds() - before, 2)
    way = f"baseline, {style.stem}"
    return Run(way, len(_cpus()), ranks, frames, round(taken, 2), 0.0, core_seconds)


def _by_worker(video: Path, style: Path, ranks: int, cores: int, reach: int = 0) -> Run:
    """Paint a video by the worker, join it, and add the sound."""
    plan = replace(plan_of(video, SHARDS_PER_RANK * ranks), reach=reach)
    with tempfile.TemporaryDirectory(dir=video.parent) as name:
        folder = Path(name)
        plan_file, shards = folder / "plan.json", folder / "shards"
        plan_file.write_text(plan.to_json())
        files = ("--plan", plan_file, "--video", video, "--style", style, "--out", shards)
        start, core_start = time.perf_counter(), children_seconds()
        _score(ranks, cores, *files)
        _join(plan, shards, video, folder)
        taken, core_seconds = time.perf_counter() - start, children_seconds() - core_start
        starting = seconds(lambda: _score(ranks, cores, *files))
    times = (round(value, 2) for value in (taken, starting, core_seconds))
    return Run(f"worker, {style.stem}", cores, ranks, plan.frame_count, *times)


def _score(ranks: int, cores: int, *words: str | Path) -> None:
    pinned = ["taskset", "--cpu-list", ",".join(map(str, _cpus()[:cores]))]
    launcher = [str(Path(sys.executable).with_name("mpiexec")), "-n", str(ranks)]
    worker = [sys.executable, "-m", "gpu_worker.score", *map(str, words)]
    done = subprocess.run([*pinned, *launcher, *worker], stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"the worker failed:\n{done.stderr}")


def _join(plan: Plan, shards: Path, video: Path, folder: Path) -> None:
    joined, painted = folder / "joined.mp4", folder / "painted.mp4"

    def opened(shard: Shard) -> BinaryIO:
        return (shards / shard.name).open("rb")

    with joined.open("wb+") as file:
        join(plan, opened, [], Sidecar(), file)
    tracks = ("-map", "0:v", "-map", "1:a?", "-c", "copy")
    ffmpeg("-i", joined, "-i", video, *tracks, painted)


def _stages(video: Path, size: Size) -> dict[str, float]:
    """Rates of what works beside the network, each alone with all cores."""
    plan = plan_of(video, 1)
    raw = video.with_suffix(".yuv")
    ffmpeg("-i", video, "-pix_fmt", "yuv420p", "-f", "rawvideo", raw)
    return {
        "decode": round(decode_rate(video, plan.frame_count), 1),
        "encode": round(encode_rate(raw, size, plan.frame_count, plan.encoding), 1),
    }


def _cpus() -> list[int]:
    """Return the numbers of the CPUs that this process may use."""
    return sorted(os.sched_getaffinity(0))


if __name__ == "__main__":
    main()
