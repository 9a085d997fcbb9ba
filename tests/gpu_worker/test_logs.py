"""The worker's lines: for people on a terminal, JSON elsewhere."""

import io
import json
import logging
from collections.abc import Generator

import pytest

from gpu_worker import logs
from tests.terminal import Terminal, handlers_kept


@pytest.fixture(autouse=True)
def handlers() -> Generator[None]:
    with handlers_kept():
        yield


def test_a_line_is_json_where_no_person_reads_it() -> None:
    stream = io.StringIO()
    logs.configure(3, stream)
    logs.about("clip-0123")
    logging.getLogger("gpu_worker.score").info("shard %d\nis there", 7)
    fields = json.loads(stream.getvalue())
    assert fields.pop("time").endswith("+00:00")
    assert fields == {
        "level": "INFO",
        "logger": "gpu_worker.score",
        "job": "clip-0123",
        "rank": 3,
        "message": "shard 7\nis there",
    }


def test_a_stack_trace_is_part_of_its_line() -> None:
    stream = io.StringIO()
    logs.configure(0, stream)
    try:
        raise ValueError("no such thing")
    except ValueError as error:
        logging.getLogger("x").error("giving up", exc_info=error)
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["trace"].endswith("ValueError: no such thing")


def test_a_line_is_a_sentence_on_a_terminal() -> None:
    terminal = Terminal()
    logs.configure(3, terminal)
    logging.getLogger("x").info("painting")
    assert terminal.getvalue().endswith("rank 3 INFO painting\n")
