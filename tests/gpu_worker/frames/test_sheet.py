"""The sheet and the poster: the right frames, before above after, whoever painted them and when."""

import io
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gpu_worker.frames.sheet import COLUMNS, GAP, lay_out, sampled
from gpu_worker.plan import POSTER_NAME, SHEET_NAME, Plan
from gpu_worker.styles.model import Architecture, build, save_style
from tests.function_app.clips import Clips, frames_of
from tests.gpu_worker.mpi import run
from tests.gpu_worker.plans import plan_of

WIDTH, HEIGHT = 64, 48


class Job:
    """A video that is painted by a style which changes nothing."""

    def __init__(self, folder: Path, video: Path) -> None:
        self.plan: Plan = plan_of(video)
        self.video = video
        self.folder = folder
        self.out = folder / "out"
        (folder / "plan.json").write_text(self.plan.to_json())
        save_style(folder / "style.safetensors", build(Architecture("Identity")), {})
        files = ("--plan", folder / "plan.json", "--style", folder / "style.safetensors")
        self._words = ("-m", "gpu_worker.score", *files, "--video", video, "--out", self.out)

    def paint(self, ranks: int) -> None:
        result = run(ranks, *self._words)
        assert result.returncode == 0, result.stderr

    @property
    def greys(self) -> list[float]:
        """The grey of each frame on the sheet: those above from left to right, then those below."""
        sheet = Image.open(self.out / SHEET_NAME).convert("L")
        assert sheet.size == (COLUMNS * (WIDTH + GAP) - GAP, 2 * (HEIGHT + GAP) - GAP)
        xs = [column * (WIDTH + GAP) + WIDTH // 2 for column in range(COLUMNS)]
        return [sheet.getpixel((x, y)) for y in (HEIGHT // 2, HEIGHT + GAP + 20) for x in xs]  # pyright: ignore


@pytest.fixture(scope="module")
def painted(clips: Clips, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Painted by one rank."""
    job = Job(tmp_path_factory.mktemp("painted"), clips["plain.mp4"])
    job.paint(1)
    return job


def prove_sheet(job: Job) -> None:
    frames = frames_of(job.video)
    expected = [frames[index].grey for index in sampled(len(frames))]
    assert job.greys == pytest.approx([*expected, *expected], abs=3)


@given(st.integers(1, 2_000_000))
def test_frames_of_the_sheet_are_few_spread_and_in_the_video(frames: int):
    chosen = sampled(frames)
    assert len(chosen) == min(frames, COLUMNS)
    assert all(0 <= frame < frames for frame in chosen)
    assert all(abs((after - before) - frames / COLUMNS) <= 1 for before, after in pairwise(chosen))


def test_the_sheet_shows_frames_before_and_after(painted: Job):
    prove_sheet(painted)


def test_the_sheet_is_of_all_ranks(clips: Clips, tmp_path: Path):
    job = Job(tmp_path, clips["plain.mp4"])
    job.paint(2)
    prove_sheet(job)


def test_the_poster_is_the_painted_frame_in_the_middle(painted: Job):
    poster = Image.open(painted.out / POSTER_NAME).convert("L")
    frames = frames_of(painted.video)
    assert poster.size == (WIDTH, HEIGHT)
    middle = frames[sampled(len(frames))[1]].grey
    assert poster.getpixel((WIDTH // 2, HEIGHT // 2)) == pytest.approx(middle, abs=3)


def test_frames_of_an_earlier_attempt_are_on_the_sheet(painted: Job, tmp_path: Path):
    job = Job(shutil.copytree(painted.folder, tmp_path / "again"), painted.video)
    before = job.greys
    for name in (SHEET_NAME, POSTER_NAME, job.plan.shards[0].name):
        (job.out / name).unlink()
    job.paint(1)
    assert job.greys == before


def test_a_sheet_has_as_many_columns_as_there_are_frames():
    pair = Image.new("RGB", (1920, 2160), "red")
    file = io.BytesIO()
    pair.save(file, "PNG")
    assert lay_out([pair]).size == (480, 2 * 270 + GAP)
    assert lay_out([pair] * 2).size == (2 * 480 + GAP, 2 * 270 + GAP)
