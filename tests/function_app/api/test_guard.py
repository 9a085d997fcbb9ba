"""No page of another site acts through a visitor's browser, and nobody asks too often."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from function_app.api import guard
from tests.function_app.wire import Message, Worker, body, http

type Configure = Callable[..., None]
type Ask = Callable[[str, Mapping[str, str]], Any]

SENTENCE = "a page of another site may not ask for this"


@pytest.fixture(autouse=True)
def nobody_asked_yet() -> None:
    guard._limiter.cache_clear()


@pytest.fixture
def ask(worker: Worker, durable: Message) -> Ask:
    """Return a function that asks for an upload that cannot be, or for the styles."""

    def ask_it(method: str, headers: Mapping[str, str]) -> Any:
        if method == "GET":
            return worker.call("get_styles", req=http("GET", "/api/styles", headers=headers))
        request = http("POST", "/api/uploads", {}, headers=headers)
        return worker.call("post_upload", req=request, client=durable)

    return ask_it


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1.evil.example"},
    ],
)
def test_another_sites_page_is_refused(ask: Ask, headers: Mapping[str, str]) -> None:
    answer = ask("POST", headers)
    assert answer.http.status_code == "403"
    assert body(answer)["code"] == "cross-site"
    assert body(answer)["detail"] == SENTENCE


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "https://atelier.example", "X-Forwarded-Host": "atelier.example"},
    ],
)
def test_the_apps_own_page_and_programs_are_heard(ask: Ask, headers: Mapping[str, str]) -> None:
    assert body(ask("POST", headers))["code"] == "bad-request"


def test_reading_changes_nothing_and_is_not_refused(ask: Ask) -> None:
    assert ask("GET", {"Sec-Fetch-Site": "cross-site"}).http.status_code == "200"


def test_who_asks_too_often_is_told_when_to_ask_again(ask: Ask, configure: Configure) -> None:
    configure(REQUESTS_PER_MINUTE="3")
    often, other = {"X-Forwarded-For": "1.2.3.4, 203.0.113.7"}, {"X-Forwarded-For": "203.0.113.8"}
    assert [ask("GET", often).http.status_code for _ in range(4)] == ["200"] * 3 + ["429"]
    refused = ask("GET", often)
    assert body(refused)["code"] == "too-many-requests"
    assert 0 < int(refused.http.headers["Retry-After"]) <= 60
    assert ask("GET", other).http.status_code == "200"


def test_an_address_that_the_client_made_up_does_not_count(ask: Ask, configure: Configure) -> None:
    configure(REQUESTS_PER_MINUTE="1")
    answers = [
        ask("GET", {"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.7"}) for number in range(2)
    ]
    assert [answer.http.status_code for answer in answers] == ["200", "429"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("203.0.113.7:49152", "203.0.113.7:50000"),
        ("203.0.113.7", "1.2.3.4:80, 203.0.113.7:443"),
        ("[2001:db8::1]:49152", "[2001:db8::1]:50000"),
        ("2001:db8::1", "[2001:0db8:0:0::1]:443"),
        ("[2001:db8::1]", "2001:db8::1"),
    ],
)
def test_another_port_is_the_same_client(
    first: str, second: str, ask: Ask, configure: Configure
) -> None:
    configure(REQUESTS_PER_MINUTE="1")
    answers = [ask("GET", {"X-Forwarded-For": said}) for said in (first, second)]
    assert [answer.http.status_code for answer in answers] == ["200", "429"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("203.0.113.7:443", "203.0.113.8:443"),
        ("[2001:db8::1]:443", "[2001:db8::2]:443"),
        ("2001:db8::1:443", "2001:db8::1"),
        ("unknown", "203.0.113.7"),
    ],
)
def test_another_address_is_another_client(
    first: str, second: str, ask: Ask, configure: Configure
) -> None:
    configure(REQUESTS_PER_MINUTE="1")
    answers = [ask("GET", {"X-Forwarded-For": said}) for said in (first, second)]
    assert [answer.http.status_code for answer in answers] == ["200", "200"]
