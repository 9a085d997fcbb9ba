"""Progress: counted frames, a rate over the last seconds, and a preview the right way up."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from mpi4py import MPI
from PIL import Image

from gpu_worker.frames.frame import Frame
from gpu_worker.plan import PREVIEW_NAME, PROGRESS_NAME, Picture, Progress
from gpu_worker.ranks.progress import Reporter, preview
from gpu_worker.ranks.tally import Tally
from gpu_worker.ranks.tally import tally as tally_of
from tests.gpu_worker.mpi import run
from tests.gpu_worker.plans import even, synthetic_plan

PLAN = synthetic_plan(even(100), shard_length=100)
ONE = 1 << 16


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def grey() -> Iterator[Frame]:
    for index in range(100):
        yield Frame(PLAN.shards[0], index, np.full((72, 64), 128, np.uint8))


@pytest.fixture
def tally() -> Iterator[Tally]:
    """The tally of this process, which is rank 0 of its own world."""
    with tally_of(MPI.COMM_SELF) as told:
        yield told


def read(folder: Path) -> Progress:
    return Progress.from_json((folder / PROGRESS_NAME).read_bytes())


def test_nothing_is_reported_before_the_first_frame(tmp_path: Path, tally: Tally):
    Reporter(tmp_path, tally, "a device", PLAN.picture, Clock())
    assert read(tmp_path) == Progress(0, 0, 0.0, "a device")
    assert not (tmp_path / PREVIEW_NAME).exists()


def test_frames_pass_and_are_reported_every_four_seconds(tmp_path: Path, tally: Tally):
    clock = Clock()
    reporter = Reporter(tmp_path, tally, "a device", PLAN.picture, clock)
    counts: list[int] = []
    for frame in reporter.watch(grey()):
        assert frame.index == len(counts)
        counts.append(read(tmp_path).frames)
        clock.now += 1
    assert sorted(set(counts)) == [0, *range(5, 100, 4)]


def test_the_rate_is_that_of_the_last_seconds(tmp_path: Path, tally: Tally):
    clock = Clock()
    reporter = Reporter(tmp_path, tally, "a device", PLAN.picture, clock)
    for frame in reporter.watch(grey()):
        clock.now += 5.0 if frame.index < 40 else 0.25
    assert read(tmp_path).frames_per_second == pytest.approx(4.0)


def test_a_rank_that_is_done_says_so_and_shows_its_latest_frame(tmp_path: Path, tally: Tally):
    clock = Clock()
    reporter = Reporter(tmp_path, tally, "a device", PLAN.picture, clock)
    for _ in reporter.watch(grey()):
        clock.now += 0.25
    reporter.finish()
    assert read(tmp_path) == Progress(0, 100, 0.0, "a device")
    assert (tmp_path / PREVIEW_NAME).exists()


def test_who_waits_keeps_up_every_four_seconds(tmp_path: Path, tally: Tally):
    clock = Clock()
    reporter = Reporter(tmp_path, tally, "a device", PLAN.picture, clock)
    tally.put(7, 3.5)
    reporter.keep_up()
    assert read(tmp_path).frames == 0
    clock.now += 4
    reporter.keep_up()
    assert read(tmp_path) == Progress(0, 7, 3.5, "a device")


@pytest.mark.parametrize("ranks", [1, 3])
def test_rank_0_tells_the_progress_of_all(tmp_path: Path, ranks: int):
    result = run(ranks, "-m", "tests.gpu_worker.ranks.tell_progress", tmp_path)
    assert result.returncode == 0, result.stderr
    assert {file.name for file in tmp_path.iterdir()} == {PROGRESS_NAME, PREVIEW_NAME}
    frames = sum(10 + rank for rank in range(ranks))
    assert read(tmp_path) == Progress(0, frames, 0.0, "rank 0")


def picture(**fields: object) -> Picture:
    return synthetic_plan(even(1), **fields).picture


def bright_corner(picture: Picture) -> np.ndarray:
    """Make a dark frame whose upper left quarter is white."""
    width, height = picture.padded_size
    planes = np.full((height * 3 // 2, width), 128, np.uint8)
    planes[:height] = 16
    planes[: height // 2, : width // 2] = 235
    return planes


@pytest.mark.parametrize(
    ("display_matrix", "corner"),
    [
        pytest.param((), "upper left", id="none"),
        pytest.param((ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30), "upper left", id="upright"),
        pytest.param((0, ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30), "upper right", id="clockwise"),
        pytest.param((-ONE, 0, 0, 0, -ONE, 0, 0, 0, 1 << 30), "lower right", id="half a turn"),
        pytest.param((0, -ONE, 0, ONE, 0, 0, 0, 0, 1 << 30), "lower left", id="anticlockwise"),
        pytest.param((-ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30), "upper right", id="mirrored"),
    ],
)
def test_a_preview_is_upright(display_matrix: tuple[int, ...], corner: str):
    shape = picture(width=96, height=48, display_matrix=display_matrix)
    image = open_preview(bright_corner(shape), shape)
    sideways = bool(display_matrix) and display_matrix[0] == 0
    assert image.size == ((48, 96) if sideways else (96, 48))
    pixels = np.asarray(image.convert("L")).astype(int)
    middle = image.height // 2, image.width // 2
    quarters = {
        "upper left": pixels[: middle[0], : middle[1]],
        "upper right": pixels[: middle[0], middle[1] :],
        "lower left": pixels[middle[0] :, : middle[1]],
        "lower right": pixels[middle[0] :, middle[1] :],
    }
    assert max(quarters, key=lambda name: float(quarters[name].mean())) == corner


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        pytest.param({"width": 1920, "height": 1080}, (640, 360), id="large"),
        pytest.param({"width": 33, "height": 21}, (33, 21), id="odd"),
        pytest.param(
            {"width": 72, "height": 58, "sample_aspect_ratio": (16, 12)}, (96, 58), id="wide pixels"
        ),
    ],
)
def test_a_preview_is_small_and_of_square_pixels(fields: dict[str, object], size: tuple[int, int]):
    shape = picture(**fields)
    assert open_preview(bright_corner(shape), shape).size == size


def open_preview(planes: np.ndarray, picture: Picture) -> Image.Image:
    image = Image.open(io.BytesIO(preview(planes, picture)))
    assert image.format == "JPEG"
    return image
