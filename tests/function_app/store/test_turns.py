"""A few jobs are painted at once, the others wait in the order of their starts."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from function_app.errors import InputError
from function_app.scheduling.fairness import Claim
from function_app.store import paths, storage, turns
from function_app.store.jobs import Job
from function_app.store.turns import Told

type Configure = Callable[..., None]


@pytest.fixture(autouse=True)
def empty_queue(configure: Configure) -> Iterator[Configure]:
    configure(JOBS_AT_ONCE="2", JOBS_PER_DAY="100")
    for folder in (paths.TURNS, paths.DAYS):
        storage.delete_all(paths.JOBS, f"{folder}/")
    yield configure
    for folder in (paths.TURNS, paths.DAYS):
        storage.delete_all(paths.JOBS, f"{folder}/")


def job(number: int) -> Job:
    return Job.of(f"plain/{number}.mp4", "etag")


def started(second: int) -> str:
    return f"2026-11-24T10:00:{second:02}.000000Z"


def test_the_first_are_painted_and_the_others_wait_in_order() -> None:
    ahead = [turns.jobs_ahead(job(number), started(number)) for number in range(5)]
    assert ahead == [0, 0, 1, 2, 3]


def test_who_started_earlier_is_ahead_though_it_asks_later() -> None:
    for number in (1, 2, 4):
        turns.jobs_ahead(job(number), started(number))
    assert turns.jobs_ahead(job(3), started(3)) == 1
    assert turns.jobs_ahead(job(4), started(4)) == 2


def test_asking_again_keeps_the_place() -> None:
    for _ in range(3):
        assert turns.jobs_ahead(job(1), started(1)) == 0
    assert list(turns.waiting()) == [job(1).job_id]


def test_who_leaves_lets_the_next_on() -> None:
    for number in range(4):
        turns.jobs_ahead(job(number), started(number))
    turns.leave(job(0).job_id)
    assert [turns.jobs_ahead(job(number), started(number)) for number in (1, 2, 3)] == [0, 0, 1]


def told(number: int, **more: Any) -> Told:
    return Told(replace(Claim(job(number).job_id, 1.5, 2.5, 20.25, 10, 4), **more), 1.25)


def test_what_a_job_tells_stands_with_its_place() -> None:
    clip, film = told(2), told(1, held=3, works=True, painted=7, gave_way=2, needs=math.inf)
    for number in (1, 2, 3):
        turns.enter(job(number), started(number))
    turns.tell(clip, started(2))
    turns.tell(film, started(1))
    assert turns.told(but=job(3).job_id) == [film, clip]
    assert turns.told(but=job(1).job_id) == [clip]


def test_a_job_that_gave_its_nodes_back_keeps_its_place() -> None:
    turns.enter(job(1), started(1))
    turns.tell(told(1, held=4), started(1))
    turns.enter(job(1), started(1))
    assert len(turns.told(but="")) == 1, "to ask again changes nothing"
    turns.give_back(job(1), started(1))
    assert (turns.told(but=""), list(turns.waiting())) == ([], [job(1).job_id])


def test_a_place_that_was_given_up_does_not_come_back_by_what_is_told() -> None:
    turns.enter(job(1), started(1))
    turns.leave(job(1).job_id)
    turns.tell(told(1), started(1))
    turns.give_back(job(1), started(1))
    assert list(turns.waiting()) == []


def test_what_an_earlier_app_told_of_a_job_is_none_of_its_claims() -> None:
    place = f"{paths.TURNS}/{started(1)}-{job(1).job_id}"
    storage.write(paths.JOBS, place, b"", "text/plain", {"nodes": "1", "expected": "20.0"})
    assert turns.told(but="") == []


def test_a_job_too_many_for_the_day_is_refused(empty_queue: Configure) -> None:
    empty_queue(JOBS_PER_DAY="2")
    for number in range(2):
        turns.jobs_ahead(job(number), started(number))
        turns.leave(job(number).job_id)
    with pytest.raises(InputError, match=r"2 jobs were started on 2026-11-24 \(UTC\), as many"):
        turns.jobs_ahead(job(2), started(2))
    assert job(2).job_id not in set(turns.waiting())
    assert turns.jobs_ahead(job(2), "2026-11-25T00:00:00.000000Z") == 0


def test_days_that_are_over_are_forgotten() -> None:
    turns.jobs_ahead(job(1), "2020-01-01T00:00:00.000000Z")
    turns.jobs_ahead(job(2), "2999-01-01T00:00:00.000000Z")
    turns.forget_old_days()
    (left,) = storage.names(paths.JOBS, f"{paths.DAYS}/")
    assert job(2).job_id in left
