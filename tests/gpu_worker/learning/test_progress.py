"""A learning tells how much of its budget is spent, as a painting tells its frames."""

from pathlib import Path

import pytest

from gpu_worker.learning.progress import BudgetReporter
from gpu_worker.plan import Progress


@pytest.fixture
def now() -> list[float]:
    return [100.0]


@pytest.fixture
def tell(tmp_path: Path, now: list[float]) -> BudgetReporter:
    return BudgetReporter(tmp_path / "out", "a CPU", clock=lambda: now[0])


def told(folder: Path) -> Progress:
    return Progress.from_json((folder / "out" / "progress-000.json").read_bytes())


def test_the_first_word_is_told_at_once(tmp_path: Path, tell: BudgetReporter) -> None:
    tell(0.0)
    assert told(tmp_path) == Progress(0, 0, 0.0, "a CPU")


def test_shares_of_the_budget_come_in_hundredths_with_their_pace(
    tmp_path: Path, tell: BudgetReporter, now: list[float]
) -> None:
    tell(0.1)
    now[0] += 20
    tell(0.305)
    progress = told(tmp_path)
    assert progress.frames == 30
    assert progress.frames_per_second == pytest.approx(20.5 / 20)


def test_it_is_told_every_two_seconds_and_at_the_end(
    tmp_path: Path, tell: BudgetReporter, now: list[float]
) -> None:
    tell(0.0)
    now[0] += 1.9
    tell(0.5)
    assert told(tmp_path).frames == 0
    tell(1.0)
    assert told(tmp_path).frames == 100
