"""Scoring: the real program under real MPI, from a video to painted shards or a sentence."""

import json
import logging
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from gpu_worker.files import is_sealed
from gpu_worker.frames.sheet import sample_name, sampled
from gpu_worker.plan import (
    FAILURE_NAME,
    NEEDS_GPU,
    POSTER_NAME,
    PREVIEW_NAME,
    PROGRESS_NAME,
    REACH,
    SHEET_NAME,
    SWATCHES_NAME,
    Failure,
    Plan,
    Progress,
    Shard,
)
from gpu_worker.score import main
from gpu_worker.styles.model import Architecture, save_style
from tests.function_app.clips import Clips, ffmpeg, frames_of
from tests.gpu_worker import one_rank
from tests.gpu_worker.mpi import environment, mpiexec, run
from tests.gpu_worker.plans import plan_of
from tests.gpu_worker.small import SMALL, seeded

MODULE = ("-m", "gpu_worker.score")
PATIENCE_SECONDS = 120


class Job:
    """A job for the worker: its files, and ways to run it."""

    def __init__(self, folder: Path, video: Path, plan: Plan) -> None:
        self.video = video
        self.plan = plan
        self.out = folder / "out"
        self.style = folder / "style.safetensors"
        self.plan_file = folder / "plan.json"
        self.plan_file.write_text(plan.to_json())
        self.choose_style(Architecture("Identity"))

    def choose_style(self, architecture: Architecture) -> None:
        save_style(self.style, seeded(architecture), {})

    @property
    def words(self) -> list[str | Path]:
        files = ("--plan", self.plan_file, "--video", self.video, "--style", self.style)
        return [*MODULE, *files, "--out", self.out]

    def run(self, ranks: int = 1, **extra: str) -> subprocess.CompletedProcess[str]:
        return run(ranks, *self.words, **extra)

    def succeed(self, ranks: int = 1, **extra: str) -> subprocess.CompletedProcess[str]:
        result = self.run(ranks, **extra)
        assert result.returncode == 0, result.stderr
        return result

    def paint(self, precision: str | None = None) -> None:
        """Paint as one rank of this process: where neither processes nor their words matter."""
        one_rank.paint(self.plan_file, self.video, self.style, self.out, precision)

    def fail(self, ranks: int = 1) -> Failure:
        """Run, and return the reason that the worker gives."""
        result = self.run(ranks)
        assert result.returncode != 0
        failure = Failure.from_json((self.out / FAILURE_NAME).read_bytes())
        assert "\n" not in failure.message
        assert "Traceback" not in failure.message
        return failure

    @property
    def shards(self) -> list[Path]:
        return sorted(self.out.glob("*.mp4"))

    def greys(self) -> list[int]:
        """Return the grey of each painted frame, all shards in order."""
        assert [file.name for file in self.shards] == [shard.name for shard in self.plan.shards]
        return [frame.grey for file in self.shards for frame in frames_of(file)]


@pytest.fixture
def job(clips: Clips, tmp_path: Path) -> Job:
    video = clips["plain.mp4"]
    return Job(tmp_path, video, plan_of(video))


@pytest.mark.parametrize("ranks", [1, 3])
def test_every_frame_comes_out_at_its_place(job: Job, ranks: int):
    result = job.succeed(ranks)
    assert job.greys() == pytest.approx([frame.grey for frame in frames_of(job.video)], abs=1)
    names = {file.name for file in job.out.iterdir()} - {file.name for file in job.shards}
    pictures = {PREVIEW_NAME, POSTER_NAME, SHEET_NAME, *map(sample_name, sampled(48))}
    assert names == pictures | {PROGRESS_NAME}
    progress = Progress.from_json((job.out / PROGRESS_NAME).read_bytes())
    assert progress.frames == job.plan.frame_count
    for shard in job.plan.shards:
        assert f"shard {shard.index}: frames {shard.first} to {shard.last}" in result.stderr


def test_other_styles_show_what_they_would_make_of_it(job: Job, tmp_path: Path):
    save_style(other := tmp_path / "it's.safetensors", seeded(SMALL), {})
    result = run(2, *job.words, "--swatch", "it's", other, "--swatch", "gone", tmp_path / "gone")
    assert result.returncode == 0, result.stderr
    assert json.loads((job.out / SWATCHES_NAME).read_bytes()).keys() == {"it's"}


def test_the_longest_shards_are_painted_first(
    clips: Clips, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    video = clips["plain.mp4"]
    uneven = (Shard(0, 0, 8), Shard(1, 8, 28), Shard(2, 28, 40), Shard(3, 40, 48))
    job = Job(tmp_path, video, replace(plan_of(video), shards=uneven))
    job.paint()
    assert re.findall(r"shard (\d): frames", caplog.text) == ["1", "2", "0", "3"]


def test_identity_keeps_the_luma(tmp_path: Path):
    video = tmp_path / "moving.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=192x128:r=25:d=1", "-pix_fmt", "yuv420p", str(video))
    job = Job(tmp_path, video, plan_of(video, 10))
    job.paint()
    painted = [frame for file in job.shards for frame in luma_of(file)]
    for before, after in zip(luma_of(video), painted, strict=True):
        assert np.mean((before - after) ** 2) < 255**2 / 10**3.8  # 38 dB


def luma_of(file: Path) -> list[np.ndarray]:
    with av.open(file) as container:
        return [
            f.to_ndarray(format="yuv420p")[: f.height].astype(float) for f in container.decode()
        ]


def test_a_network_paints_and_no_rank_waits_for_a_compiler(job: Job):
    job.choose_style(Architecture("StyleNet", width=8, blocks=1))
    said = job.succeed(PYTHONPROFILEIMPORTTIME="1").stderr
    source = [frame.grey for frame in frames_of(job.video)]
    assert len(job.greys()) == len(source)
    assert np.mean(np.abs(np.subtract(job.greys(), source))) > 5
    # Every rank would wait a second for PyTorch's compiler, that nobody has asked for.
    assert "torch.nn" in said
    assert "torch._dynamo" not in said


def test_neighbours_steady_a_frame_however_the_video_is_cut(job: Job):
    job.choose_style(Architecture("StyleNet", width=8, blocks=1))
    job.plan_file.write_text(replace(job.plan, reach=REACH).to_json())
    job.paint()
    cut = job.greys()
    alone = replace(job.plan, shards=(Shard(0, 0, job.plan.frame_count),))
    whole = Job(job.out.parent, job.video, replace(alone, reach=REACH))
    whole.choose_style(Architecture("StyleNet", width=8, blocks=1))
    for shard in job.shards:
        shard.unlink()
    whole.paint()
    assert len(cut) == job.plan.frame_count
    assert whole.greys() == pytest.approx(cut, abs=3)  # codes, as the encoder rounds them


def test_what_comes_along_for_steadying_is_in_no_copy_for_browsers(job: Job):
    job.plan_file.write_text(replace(job.plan, reach=REACH, needs_proxy=True).to_json())
    job.paint()
    for shard in job.plan.shards:
        assert len(frames_of(job.out / shard.name)) == len(shard)
        assert len(frames_of(job.out / shard.proxy_name)) == len(shard)


def test_precision_can_be_forced_and_the_log_says_which(job: Job, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    job.choose_style(Architecture("StyleNet", width=8, blocks=1))
    job.paint("float32")
    assert "in float32 (as asked for)" in caplog.text
    exact = job.greys()
    for shard in job.shards:
        shard.unlink()
    result = run(1, *job.words, "--precision", "bfloat16")
    assert "in bfloat16 (as asked for)" in result.stderr
    assert job.greys() == pytest.approx(exact, abs=4)


def test_shards_that_are_there_are_left_as_they_are(job: Job):
    job.paint()
    gone = job.shards[3]
    gone.unlink()
    (job.out / FAILURE_NAME).write_text(Failure("world", "earlier").to_json())
    (job.out / "progress-007.json").write_text(Progress(7, 5, 1.0, "earlier").to_json())
    kept = {file: file.stat().st_mtime_ns for file in job.shards}
    job.succeed(ranks=2)
    assert gone.exists()
    assert {file: file.stat().st_mtime_ns for file in kept} == kept
    assert not (job.out / FAILURE_NAME).exists()
    assert not (job.out / "progress-007.json").exists()
    assert "shard" not in job.succeed().stderr


def slow_job(folder: Path) -> Job:
    """Make a job that takes some seconds."""
    video = folder / "long.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=4", str(video))
    job = Job(folder, video, plan_of(video, 10))
    job.choose_style(Architecture("StyleNet", width=32, blocks=4))
    return job


def test_a_rank_that_is_killed_ends_the_job_and_the_next_run_finishes_it(
    tmp_path: Path, wait_until: Callable[[Callable[[], object]], None]
):
    job = slow_job(tmp_path)
    with subprocess.Popen(
        mpiexec(2, *job.words), env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as world:
        wait_until(lambda: job.shards)
        ranks = ranks_of(job)
        assert len(ranks) == 2
        os.kill(ranks[-1], signal.SIGKILL)
        assert world.stderr
        world.stderr.read()
        assert world.wait(timeout=PATIENCE_SECONDS) != 0
    wait_until(lambda: not processes_with(str(job.video)))
    files = {job.out / shard.name: shard for shard in job.plan.shards}
    sealed = [file for file, shard in files.items() if is_sealed(file, job.plan, shard)]
    whole = {file: file.stat().st_mtime_ns for file in sealed}
    assert 0 < len(whole) < len(job.plan.shards)
    for file in whole:
        assert len(frames_of(file)) == 10
    job.choose_style(Architecture("Identity"))
    job.paint()
    assert {file: file.stat().st_mtime_ns for file in whole} == whole
    assert len(job.greys()) == 100


def processes_with(word: str) -> dict[int, str]:
    """Return the command lines of the processes that have a word in theirs."""
    found: dict[int, str] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue  # it has just ended
        if word in line:
            found[int(process.name)] = line
    return found


def ranks_of(job: Job) -> list[int]:
    lines = processes_with(str(job.plan_file))
    return sorted(pid for pid, line in lines.items() if "mpiexec" not in line.split()[0])


def test_a_file_that_is_no_style_is_the_inputs_fault(job: Job):
    job.style.write_bytes(b"not weights")
    failure = job.fail()
    assert failure.fault == "input"
    assert "style.safetensors" in failure.message


def test_a_missing_video_is_the_worlds_fault(job: Job):
    job.video = job.video.with_name("missing.mp4")
    assert job.fail() == Failure("world", "The video missing.mp4 is not there.")


def test_a_plan_of_another_version_is_refused(job: Job):
    fields = json.loads(job.plan.to_json()) | {"version": 99}
    job.plan_file.write_text(json.dumps(fields))
    failure = job.fail()
    assert failure.fault == "world"
    assert "version 99" in failure.message


def test_a_video_that_does_not_decode_is_the_inputs_fault(job: Job):
    content = job.video.read_bytes()
    job.video = job.plan_file.with_name("text.mp4")
    job.video.write_bytes(content[:20] + b"so what" * 999)
    failure = job.fail(ranks=2)
    assert failure.fault == "input"
    assert failure.message.startswith("Nothing can be decoded from 0:00:00.")
    assert not job.shards


def test_a_node_that_should_have_a_gpu_does_not_paint_without(job: Job):
    result = run(1, *job.words, **{NEEDS_GPU: "1", "CUDA_VISIBLE_DEVICES": ""})
    assert result.returncode != 0
    failure = Failure.from_json((job.out / FAILURE_NAME).read_bytes())
    assert (failure.fault, failure.code) == ("world", "no-gpu")
    assert failure.message.startswith("This node has no GPU that PyTorch can use")
    assert not job.shards


def test_a_fault_nobody_thought_of_is_the_worlds_and_its_trace_is_in_the_log(job: Job):
    job.plan_file.unlink()
    result = job.run(1)
    assert result.returncode != 0
    failure = Failure.from_json((job.out / FAILURE_NAME).read_bytes())
    assert failure == Failure("world", "The worker failed (FileNotFoundError); its log says more.")
    assert "Traceback" in result.stderr


@pytest.mark.parametrize("reach", [0, REACH])
def test_frames_that_do_not_decode_are_listed(tmp_path: Path, reach: int):
    video = tmp_path / "moving.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=128x96:r=25:d=2", "-c:v", "mjpeg", str(video))
    plan = plan_of(video, 10, full_range=True)
    job = Job(tmp_path, video, replace(plan, reach=reach))
    content = bytearray(video.read_bytes())
    middle = len(content) // 2
    content[middle : middle + len(content) // 20] = bytes(len(content) // 20)
    video.write_bytes(content)
    job.paint()
    assert sum(len(frames_of(file)) for file in job.shards) == 50
    listed = [json.loads(file.read_bytes())["frames"] for file in job.out.glob("*.damage.json")]
    assert 0 < len([frame for frames in listed for frame in frames]) < 10


def test_an_interrupt_ends_every_rank_without_a_failure(
    tmp_path: Path, wait_until: Callable[[Callable[[], object]], None]
):
    job = slow_job(tmp_path)
    with subprocess.Popen(
        mpiexec(2, *job.words), env=environment(), stderr=subprocess.DEVNULL
    ) as world:
        wait_until(lambda: job.shards)
        world.send_signal(signal.SIGINT)
        assert world.wait(timeout=PATIENCE_SECONDS) != 0
    wait_until(lambda: not processes_with(str(job.video)))
    assert not (job.out / FAILURE_NAME).exists()


@pytest.mark.parametrize(("words", "status"), [(["--help"], 0), (["--plan", "plan.json"], 2)])
def test_options_are_explained_and_those_that_are_missing_named(
    words: list[str], status: int, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as ended:
        main(words)
    said = capsys.readouterr()
    assert ended.value.code == status
    assert "--video" in (said.err if status else said.out)


@pytest.fixture
def wait_until() -> Callable[[Callable[[], object]], None]:
    """Return a way to wait for something to become true."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.05)

    return wait
