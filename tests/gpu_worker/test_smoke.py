"""The smoke job under real MPI: what ranks report, and that none waits for ever."""

from pathlib import Path

import pytest

from gpu_worker.plan import PlanError, Smoke
from tests.gpu_worker.mpi import run

HANGS = """
import sys
from gpu_worker import smoke
smoke._PATIENCE_SECONDS = 0.5
smoke._draws_a_second = lambda comm: __import__("time").sleep(60)
smoke.main(sys.argv[1:])
"""


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    sample = tmp_path / "sample.bin"
    sample.write_bytes(bytes(2**21))
    return ["--sample", str(sample), "--out", str(tmp_path / "out")]


def reports(folder: Path) -> list[Smoke]:
    return [Smoke.from_json(file.read_bytes()) for file in sorted(folder.glob("*.json"))]


def test_every_rank_reports_and_reaches_the_others(arguments: list[str], tmp_path: Path):
    result = run(2, "-m", "gpu_worker.smoke", *arguments)
    assert result.returncode == 0, result.stderr
    found = reports(tmp_path / "out")
    assert [(each.rank, each.ranks) for each in found] == [(0, 2), (1, 2)]
    for each in found:
        assert (tmp_path / "out" / each.left).stat().st_size > 2**20
        assert len(each.digest) == 64
        assert each.unwritten == ""
        assert "libx264" in each.encoders
        assert each.draws
        assert min(each.seek_rate, each.whole_rate) > 0


def test_ranks_that_do_not_reach_each_other_end_and_have_reported_so(
    arguments: list[str], tmp_path: Path
):
    result = run(2, "-c", HANGS, *arguments)
    assert result.returncode != 0
    assert "do not reach each other" in result.stderr
    assert {each.draws for each in reports(tmp_path / "out")} == {None}


def test_a_mount_that_cannot_be_written_is_reported(arguments: list[str], tmp_path: Path):
    (tmp_path / "out" / "smoke-000.bin").mkdir(parents=True)
    result = run(1, "-m", "gpu_worker.smoke", *arguments)
    assert result.returncode == 0, result.stderr
    (one,) = reports(tmp_path / "out")
    assert one.digest == ""
    assert "Is a directory" in one.unwritten


def test_half_a_report_is_none():
    with pytest.raises(PlanError, match="not JSON"):
        Smoke.from_json('{"rank": 0, "ran')
