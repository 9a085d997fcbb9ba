"""Lines of progress, as a terminal shows them: whole where there are but 80 columns."""

import io
import re
from typing import Any

import pytest
from rich.console import Console

from cli import display
from cli.board import Board
from tests.cli.test_display import LONG, job

LINE = "begins in about 12 min: 14 jobs before it"
PAINTING = {"stage": "score", "frames": {"done": 1234, "total": 9876}, "fps": 12.3, "eta_s": 754}
QUEUED = {"stage": "queue", "status": "Pending", "message": LINE}
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture(params=[80, 120])
def screen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal of so many columns."""
    return of_width(request.param, monkeypatch)


def of_width(width: int, monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=True, color_system=None)
    monkeypatch.setattr(display, "console", console)
    return file


def last(screen: io.StringIO, lines: int) -> list[str]:
    """The last so many lines that were shown, each without the mark at its beginning."""
    shown = CONTROL.sub("", screen.getvalue()).replace("\r", "\n").splitlines()
    return [line[2:].rstrip() for line in shown if line.strip()][-lines:]


def test_what_waits_cuts_nothing_off_what_is_painted(screen: io.StringIO) -> None:
    stands: list[dict[str, Any]] = [PAINTING, QUEUED]
    with Board() as board:
        for each in stands:
            board.line(LONG).stands(job(**each))
    painting, queued = last(screen, 2)
    assert painting.endswith("Painting, 1234/9876 frames, 12.3 fps, 13 min left")
    assert queued.endswith(LINE.capitalize())
    assert painting.startswith("holiday")
    assert "…" in painting[:41]


def test_an_upload_tells_all_on_a_line_of_80(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = of_width(80, monkeypatch)
    with Board() as board:
        line = board.line(LONG)
        line.moving("Uploading", 987_654_321)
        line.moved(456_789_012)
    (shown,) = last(screen, 1)
    assert "Uploading, 456.8 MB of 987.7 MB" in shown
    assert "…" not in shown[30:]


def test_what_failed_is_crossed_out_and_what_is_done_is_full(screen: io.StringIO) -> None:
    with Board() as board:
        board.line("bad.mp4").fails()
        board.line("good.mp4").ends("Painted")
    shown = CONTROL.sub("", screen.getvalue()).replace("\r", "\n").splitlines()
    failed = [line for line in shown if "bad.mp4" in line][-1]
    done = [line for line in shown if "good.mp4" in line][-1]
    assert (failed[0], failed.rstrip().endswith("Failed")) == ("✗", True)
    assert (done[0], done.rstrip().endswith("Painted")) == (" ", True)


def test_what_is_done_tells_no_part_of_it_that_was_seen_last(screen: io.StringIO) -> None:
    with Board() as board:
        line = board.line("candy")
        line.stands(job(stage="learn", frames={"done": 0, "total": 100}))
        line.ends("Ready")
    assert last(screen, 1)[0].endswith("Ready")


def test_a_board_without_lines_shows_nothing(screen: io.StringIO) -> None:
    with Board():
        pass
    assert screen.getvalue() == ""


def test_where_no_person_looks_a_minute_is_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(display, "console", Console(stderr=True, width=80))
    monkeypatch.setattr("cli.board.MINUTE_S", -1.0)
    with Board() as board:
        board.line("film.mp4").stands(job(**QUEUED))
    assert f"film.mp4: {LINE.capitalize()}\n" in capsys.readouterr().err
