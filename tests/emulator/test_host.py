"""The Functions host: HTTP and timer triggers, and how it begins."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from emulator.config import PROJECT_ROOT
from emulator.functions import resolve


def test_a_request_reaches_its_function_whole(host: httpx.Client):
    answer = host.post(
        "/api/echo/x/y%20z?a=1&b=%C3%BC", content=b"12345", headers={"X-Sample": "s"}
    )
    assert answer.json() == {
        "method": "POST",
        "rest": "x/y z",
        "query": {"a": "1", "b": "ü"},
        "header": "s",
        "length": 5,
    }


def test_a_response_reaches_its_client_whole(host: httpx.Client):
    answer = host.get("/api/echo/x")
    assert answer.status_code == 201
    assert answer.headers["X-Answer"] == "yes"
    assert answer.headers["Content-Type"] == "application/json"


def test_bodies_are_bytes_and_the_most_specific_route_wins(host: httpx.Client):
    body = bytes(range(256))
    answer = host.post("/api/echo/binary", content=body)
    assert answer.content == body[::-1]
    assert answer.headers["Content-Type"] == "application/octet-stream"


def test_a_function_can_take_the_root(host: httpx.Client):
    assert host.get("/api").text == "GET of the root"


def test_a_route_takes_its_own_methods_only(host: httpx.Client):
    assert host.delete("/api/echo/x").status_code == 405


def test_an_unknown_route_is_not_found(host: httpx.Client):
    assert host.get("/api/absent").status_code == 404


def test_a_function_that_fails_says_nothing_of_its_inside(host: httpx.Client):
    answer = host.get("/api/broken")
    assert answer.status_code == 500
    assert "secret" not in answer.text


def test_a_timer_fires_by_its_schedule(
    host: httpx.Client, notes: Callable[[], list[str]], wait_until: Callable[..., None]
):
    assert host.get("/api/echo/x").is_success  # the host runs
    before = notes().count("tick past_due=False")
    wait_until(lambda: notes().count("tick past_due=False") > before + 1)


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("", "exposes 0 function apps; there must be one"),
        (
            "import azure.functions as func\n"
            "app = func.FunctionApp()\n"
            "@app.timer_trigger(arg_name='timer', schedule='* * * * *')\n"
            "def tick(timer): ...\n",
            "tick: '* * * * *' is not an NCRONTAB schedule",
        ),
        (
            "import azure.functions as func\n"
            "app = func.FunctionApp()\n"
            "@app.queue_trigger(arg_name='message', queue_name='q', connection='DATA')\n"
            "def take(message: str): ...\n",
            "take: queueTrigger is not supported here",
        ),
    ],
)
def test_an_unusable_app_ends_the_host_with_a_reason(source: str, complaint: str, tmp_path: Path):
    (tmp_path / "poor_app.py").write_text(source)
    command = [
        *(sys.executable, "-m", "emulator.host", "--port", "1", "--app", "poor_app"),
        *("--root", str(tmp_path), "--journal", str(tmp_path / "journal")),
    ]
    host = subprocess.run(
        command,
        cwd=PROJECT_ROOT,
        env={"AzureWebJobsStorage": "UseDevelopmentStorage=true"},
        capture_output=True,
        text=True,
    )
    assert host.returncode != 0
    assert complaint in host.stderr


def test_settings_are_put_in_place_of_their_names():
    assert resolve("%A%/{style}/%B%", {"A": "videos", "B": "x"}) == "videos/{style}/x"


def test_a_missing_setting_is_an_error():
    with pytest.raises(KeyError, match="ABSENT"):
        resolve("%ABSENT%", {})
