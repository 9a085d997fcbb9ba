"""FFmpeg as a child: it never outlives its `with`, and of many words the last are kept."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import ffmpeg
import numpy as np
import pytest

from gpu_worker.errors import ToolError
from gpu_worker.frames.process import Limits, running

GRAPH = ffmpeg.input("pipe:0").output("pipe:1")


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shell script that stands where ffmpeg is looked for."""
    script = tmp_path / "ffmpeg"
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(script))
    return script


def write(script: Path, body: str) -> None:
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)


def is_alive(script: Path) -> bool:
    pid = int(script.with_name("ffmpeg.pid").read_text())
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_last_words_are_logged(program: Path, caplog: pytest.LogCaptureFixture):
    write(program, "seq 100000 >&2; exit 3")
    with running(GRAPH) as child, pytest.raises(ToolError, match="status 3"):
        child.succeed()
    assert "100000" in caplog.text
    assert len(caplog.records) < 50


def test_who_hears_each_line_hears_the_end_too(program: Path, caplog: pytest.LogCaptureFixture):
    write(program, "echo for you >&2; echo to keep >&2")
    heard: list[bytes] = []

    def hear(line: bytes) -> bool:
        heard.append(line)
        return line != b"to keep\n"

    with running(GRAPH, hear=hear) as child:
        child.succeed()
    assert heard == [b"for you\n", b"to keep\n", b""]
    assert caplog.messages == ["ffmpeg: to keep"]


def test_it_ends_when_the_body_fails(program: Path):
    write(program, f"echo $$ > {program}.pid; echo ready; exec sleep 1000")
    with suppress(KeyError), running(GRAPH) as child:
        assert child.stdout.readline() == b"ready\n"
        raise KeyError
    assert not is_alive(program)


def test_one_that_computes_too_long_is_killed(program: Path):
    write(program, "while :; do :; done")
    with running(GRAPH, limits=Limits(cpu_seconds=1, memory=2**30)) as child:
        assert child.finish() in {-signal.SIGXCPU, -signal.SIGKILL}


def test_one_gets_no_more_memory_than_its_limit(program: Path):
    write(program, "read go; ulimit -d")
    with running(GRAPH, limits=Limits(cpu_seconds=60, memory=100 * 2**20)) as child:
        child.finish()
        assert int(child.stdout.read()) == 100 * 2**10


def test_one_writes_to_no_file(program: Path):
    write(program, f"read go; echo text > {program}.written")
    with running(GRAPH, limits=Limits(cpu_seconds=60, memory=2**30)) as child:
        child.finish()
    assert program.with_name("ffmpeg.written").read_bytes() == b""


def test_one_that_stops_reading_is_reported(program: Path):
    write(program, "exec <&-; exit 0")
    planes = np.zeros((3000, 2000), np.uint8)
    with running(GRAPH) as child, pytest.raises(ToolError, match="stopped reading"):
        child.write(planes)
