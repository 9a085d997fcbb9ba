"""Stages side by side: order, back-pressure, exceptions and an early end."""

import threading
from collections.abc import Generator
from contextlib import closing

import pytest

from gpu_worker.ranks.pipeline import prefetch


@pytest.mark.parametrize("depth", [1, 3, 100])
def test_all_items_come_in_order(depth: int):
    assert list(prefetch((n for n in range(50)), depth)) == list(range(50))


def test_none_is_an_item_like_any_other():
    assert list(prefetch((n for n in [None, 0, None]), 2)) == [None, 0, None]


def test_items_are_made_in_another_thread_while_the_taker_is_busy():
    made = threading.Event()

    def items() -> Generator[str]:
        yield threading.current_thread().name
        made.set()
        yield "second"

    with closing(prefetch(items(), 2)) as ahead:
        assert next(ahead) != threading.current_thread().name
        assert made.wait(timeout=60), "the second item was not made ahead"


def test_no_more_than_depth_items_wait():
    made: list[int] = []
    fourth = threading.Event()

    def items() -> Generator[int]:
        for n in range(100):
            made.append(n)
            if n == 3:
                fourth.set()
            yield n

    with closing(prefetch(items(), 3)) as ahead:
        assert next(ahead) == 0
        assert fourth.wait(timeout=60)
    assert made == [0, 1, 2, 3]


def test_an_exception_comes_after_the_items_before_it():
    def items() -> Generator[int]:
        yield 1
        yield 2
        raise KeyError("third")

    taken: list[int] = []
    with pytest.raises(KeyError, match="third"):
        taken.extend(prefetch(items(), 8))
    assert taken == [1, 2]


def test_leaving_early_closes_every_stage():
    closed: list[str] = []

    def first() -> Generator[int]:
        try:
            yield from range(100)
        finally:
            closed.append("first")

    def second(items: Generator[int]) -> Generator[int]:
        try:
            yield from items
        finally:
            closed.append("second")

    before = threading.active_count()
    source = first()
    with closing(prefetch(source, 2)) as one:
        sink = second(one)
        with closing(prefetch(sink, 2)) as two:
            assert next(two) == 0
    assert sorted(closed) == ["first", "second"]
    assert threading.active_count() == before
