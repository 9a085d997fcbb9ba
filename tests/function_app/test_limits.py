"""What painting may take: so much money, so much time; and a sentence for either."""

from dataclasses import replace
from datetime import timedelta

import pytest

from function_app import limits
from function_app.errors import Code, InputError, ServiceError
from function_app.store.jobs import Job, State, Terms

HOUR = timedelta(hours=1)
TERMS = Terms(False, 10, 2.0, 15.0, 0.5, "USD", 3.0)
STATE = State(Job.of("scream/a.mp4", "0x1"), attempt=2, node_seconds=6 * 3600)


def test_what_keeps_within_its_limits_goes_on() -> None:
    assert limits.reached(STATE, TERMS, 5 * HOUR, "painting") is None


def test_too_much_money_is_the_videos_fault() -> None:
    spent = replace(STATE, node_seconds=STATE.node_seconds + 60)
    error = limits.reached(spent, TERMS, HOUR, "painting")
    assert isinstance(error, InputError)
    assert error.code is Code.TOO_EXPENSIVE
    assert str(error).startswith("painting was stopped after 3.01 USD, the limit of one job")


@pytest.mark.parametrize("terms", [replace(TERMS, price=None), replace(TERMS, max_cost=None)])
def test_without_a_price_or_a_limit_no_money_is_too_much(terms: Terms) -> None:
    spent = replace(STATE, node_seconds=1e6)
    assert limits.reached(spent, terms, HOUR, "painting") is None


def test_too_much_time_is_the_services_fault() -> None:
    error = limits.reached(STATE, TERMS, 5 * HOUR + timedelta(seconds=1), "learning")
    assert isinstance(error, ServiceError)
    assert error.code is Code.PAINTING_FAILED
    assert str(error).startswith("learning was stopped after 5 hours")
    again = replace(STATE, attempt=3)
    assert limits.reached(again, TERMS, 6 * HOUR, "learning") is None, "each attempt has its own"
