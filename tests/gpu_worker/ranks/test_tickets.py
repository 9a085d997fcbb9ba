"""Tickets under real MPI: each once, and nobody waits for a busy rank 0."""

import json
from itertools import chain
from pathlib import Path

import pytest

from tests.gpu_worker.mpi import run

PROGRAM = Path(__file__).with_name("draw_tickets.py")


def draw(ranks: int, count: int, folder: Path) -> list[tuple[list[int], ...]]:
    """Return what each rank drew, in one list a round."""
    result = run(ranks, PROGRAM, str(count), folder / "last_is_drawn")
    assert result.returncode == 0, result.stderr
    return list(zip(*json.loads(result.stdout), strict=True))


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_every_ticket_is_drawn_once_though_rank_0_is_busy(ranks: int, tmp_path: Path):
    of_ranks, _ = draw(ranks, 40, tmp_path)
    assert sorted(chain.from_iterable(of_ranks)) == list(range(40))
    assert all(drawn == sorted(drawn) for drawn in of_ranks)
    assert ranks == 1 or len(of_ranks[0]) <= 1


def test_tickets_can_be_handed_out_again_in_the_same_world(tmp_path: Path):
    first, second = draw(2, 0, tmp_path)
    assert list(chain.from_iterable(first)) == []
    assert sorted(chain.from_iterable(second)) == [0, 1]


def test_an_mpi_library_without_threads_is_refused(tmp_path: Path):
    result = run(1, PROGRAM, "1", tmp_path / "x", MPI4PY_RC_THREAD_LEVEL="funneled")
    assert result.returncode != 0
    assert "several threads" in result.stderr
