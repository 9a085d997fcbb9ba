"""The emulator's lines: for people on a terminal, JSON elsewhere."""

import io
import json
import logging
from collections.abc import Generator

import pytest

from emulator import logs
from tests.terminal import Terminal, handlers_kept


@pytest.fixture(autouse=True)
def handlers() -> Generator[None]:
    with handlers_kept():
        yield


def test_a_line_is_json_where_no_person_reads_it() -> None:
    stream = io.StringIO()
    logs.configure(stream)
    logging.getLogger("function_app").info("starts: %s", "a.mp4", extra={"job": "clip-0123"})
    fields = json.loads(stream.getvalue())
    assert fields.pop("time").endswith("+00:00")
    assert fields == {
        "level": "INFO",
        "logger": "function_app",
        "job": "clip-0123",
        "message": "starts: a.mp4",
    }


def test_a_stack_trace_is_part_of_its_line() -> None:
    stream = io.StringIO()
    logs.configure(stream)
    try:
        raise ValueError("no such thing")
    except ValueError:
        logging.getLogger("x").exception("giving up")
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["trace"].endswith("ValueError: no such thing")


def test_a_line_is_a_sentence_on_a_terminal() -> None:
    terminal = Terminal()
    logs.configure(terminal)
    logging.getLogger("x").info("it runs")
    assert "it runs" in terminal.getvalue()
    assert "{" not in terminal.getvalue()
