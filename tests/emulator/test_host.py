"""The Functions host: HTTP and timer triggers, and how it begins."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from emulator.config import PROJECT_ROOT
from emulator.functions import resolve

# The real worker takes no such annotation, and with it no function of the whole app.
ANNOTATED = """
from typing import Any
import azure.durable_functions as df
app = df.DFApp()
@app.activity_trigger(input_name="work")
def paint(work: dict[str, Any]) -> None: ...
"""


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


def test_bodies_are_bytes(host: httpx.Client):
    body = bytes(range(256))
    answer = host.post("/api/echo/binary", content=body)
    assert answer.content == body[::-1]
    assert answer.headers["Content-Type"] == "application/octet-stream"


def test_routes_are_tried_in_the_order_of_their_functions_names(host: httpx.Client):
    assert host.get("/api/parts/whole").text == "whole"


def test_a_function_can_take_the_root(host: httpx.Client):
    assert host.get("/api").text == "GET of the root"


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("DELETE", "/api/echo/x", 404, None),
        ("HEAD", "/api", 404, None),
        ("OPTIONS", "/api/echo/x", 404, None),
        ("GET", "/api/absent", 404, None),
        ("GET", "/api/echo/%00", 400, None),
        ("GET", "/", 200, "text/html"),
        ("PATCH", "/", 200, "text/html"),
    ],
)
def test_what_no_function_takes_the_host_answers(
    host: httpx.Client, method: str, path: str, status: int, kind: str | None
):
    answer = host.request(method, path)
    assert (answer.status_code, answer.headers.get("content-type")) == (status, kind)
    assert bool(answer.content) == (kind is not None)


@pytest.mark.parametrize("path", ["/API/Echo/x", "/api/echo/x/", "/api//echo/x"])
def test_a_path_may_be_written_in_several_ways(host: httpx.Client, path: str):
    assert host.get(path).json()["rest"] == "x"


def test_a_slash_that_is_encoded_divides_no_path(host: httpx.Client):
    assert host.get("/api/parts/a%2Fb%20c").text == "a%2Fb c"
    assert host.get("/api/parts/a/b").status_code == 404


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
        ("", "Could not find top level function app instances in poor_app.py"),
        (None, "There is no poor_app.py with functions in"),
        (ANNOTATED, "binding work has invalid non-type annotation dict"),
        (
            "import azure.functions as func\n"
            "app = func.FunctionApp()\n"
            "@app.timer_trigger(arg_name='timer', schedule='* * * * *')\n"
            "def tick(timer: func.TimerRequest): ...\n",
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
def test_an_unusable_app_ends_the_host_with_a_reason(
    source: str | None, complaint: str, tmp_path: Path
):
    if source is not None:
        (tmp_path / "poor_app.py").write_text(source)
    command = [
        *(sys.executable, "-m", "emulator.host", "--port", "1", "--app", "poor_app"),
        *("--root", str(tmp_path), "--journal", str(tmp_path / "journal"), "--key", "k"),
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
