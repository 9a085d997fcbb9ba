"""What the jobs of a day come to, and whether there is room for another."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from function_app.store import spend


@pytest.fixture
def day() -> str:
    """A day of which no other test knows."""
    return f"1999-01-01-{uuid.uuid4().hex}"


def test_there_is_room_up_to_the_limit(day: str) -> None:
    assert spend.set_aside(day, "a", 6.0, 10.0) is None
    assert spend.set_aside(day, "b", 4.0, 10.0) is None
    assert spend.amounts(day) == {"a": 6.0, "b": 4.0}


def test_what_finds_no_room_sets_nothing_aside(day: str) -> None:
    spend.set_aside(day, "a", 6.0, 10.0)
    assert spend.set_aside(day, "b", 4.01, 10.0) == 6.0
    assert spend.amounts(day) == {"a": 6.0}


def test_a_job_is_counted_once_however_often_it_asks(day: str) -> None:
    for _ in range(2):
        assert spend.set_aside(day, "a", 6.0, 10.0) is None
    assert spend.amounts(day) == {"a": 6.0}


def test_what_a_job_came_to_takes_the_place_of_what_was_set_aside(day: str) -> None:
    spend.set_aside(day, "a", 6.0, 10.0)
    spend.record(day, "a", 1.5)
    assert spend.set_aside(day, "b", 8.5, 10.0) is None


def test_another_day_has_room_of_its_own(day: str) -> None:
    spend.set_aside(day, "a", 10.0, 10.0)
    assert spend.set_aside(f"{day}-after", "b", 10.0, 10.0) is None


def test_jobs_that_ask_at_once_never_come_to_more_than_the_limit(day: str) -> None:
    jobs = [f"job-{number}" for number in range(8)]
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda job: spend.set_aside(day, job, 3.0, 10.0), jobs))
    assert sum(spend.amounts(day).values()) <= 10.0


def test_today_is_a_date() -> None:
    assert len(spend.today().split("-")) == 3
