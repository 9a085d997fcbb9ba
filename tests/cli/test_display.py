"""What people read of jobs and styles, where it is not wide."""

from typing import Any

import pytest
from typer.testing import CliRunner

from cli import client, display, main, studio
from cli.client import Job
from function_app.api.view import ENDED, STATUSES
from function_app.options.container import Container
from function_app.store.jobs import Stage

LONG = "holiday at the very long lake, a name that does not end 2026-07-13 final.mp4"
WAITS = "waits for the style quick, of whose making 39 % is done: about 1 min are left"


def job(**fields: Any) -> Job:
    known = {"id": "long-0123456789ab", "name": LONG, "style": "quick", "status": "Running"}
    stands = {"stage": "score", "frames": {"done": 0, "total": 100}, "fps": None, "eta_s": None}
    said = {"message": "", "notes": [], "error": None, "created": "2026-11-28T13:20:00Z"}
    return Job.read(known | stands | said | fields)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 80 columns."""
    monkeypatch.setattr(display, "_width", lambda: 80)


@pytest.mark.usefixtures("narrow")
def test_a_long_name_gives_way_and_the_id_stays_whole(capsys: pytest.CaptureFixture[str]) -> None:
    display.show_jobs([job()])
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert lines[1].startswith("long-0123456789ab  Running  0/100")
    assert lines[1].rstrip().endswith("l.mp4")


@pytest.mark.parametrize("width", [40, 60])
def test_where_no_line_holds_a_job_nothing_of_it_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    monkeypatch.setattr(display, "_width", lambda: width)
    long_id = "a-holiday-that-is-as-long-as-an-id-0123456789ab"
    display.show_jobs([job(), job(id=long_id, status="Completed", frames={"done": 9, "total": 9})])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[::2] == ["long-0123456789ab", long_id]
    assert lines[1].startswith("  Running  0/100  ")
    assert lines[3].startswith("  Completed  9/9  ")


@pytest.mark.parametrize("width", [40, 60])
def test_how_far_a_style_is_learnt_is_said_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    monkeypatch.setattr(display, "_width", lambda: width)
    stands = {"stage": "learn", "frames": {"done": 39, "total": 100}, "eta_s": 181}
    display.show_styles([{"name": "quick", "state": "learning"}], {"quick": job(**stands)})
    said = " ".join(capsys.readouterr().out.split())
    assert said == "Style State quick learning the style, 39 %, 3 min left"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            {"detail": "Painting failed. Why.", "code": "painting-failed", "action": "See logs."},
            "Painting failed. Why. See logs.",
        ),
        (
            {"detail": "it is text: upload a video", "code": "not-a-video", "action": None},
            "it is text: upload a video",
        ),
        (None, "what the status says"),
    ],
)
def test_a_job_that_failed_says_what_to_do(error: dict[str, Any] | None, message: str) -> None:
    assert job(error=error, message="what the status says").message == message


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(
    ("fields", "is_said"),
    [
        ({"stage": "wait", "message": WAITS}, True),
        ({"status": "Failed", "stage": "failed", "message": WAITS}, True),
        ({"status": "Completed", "stage": "done", "message": WAITS}, False),
    ],
)
def test_why_a_video_is_not_painted_is_said_whole(
    capsys: pytest.CaptureFixture[str], fields: dict[str, Any], is_said: bool
) -> None:
    display.show_jobs([job(**fields)])
    assert (f"long-0123456789ab: {WAITS}\n" in capsys.readouterr().out) is is_said


@pytest.mark.parametrize(
    ("stands", "said"),
    [
        ({"stage": "queue"}, "waiting for painters"),
        (
            {"stage": "learn", "frames": {"done": 39, "total": 100}, "eta_s": 61},
            "learning the style, 39 %, 1 min left",
        ),
        ({"stage": "failed", "status": "Failed"}, "learning"),
    ],
)
def test_a_style_that_is_learnt_says_how_far_it_is(
    capsys: pytest.CaptureFixture[str], stands: dict[str, Any], said: str
) -> None:
    display.show_styles([{"name": "quick", "state": "learning"}], {"quick": job(**stands)})
    assert capsys.readouterr().out.splitlines()[1].rstrip() == f"quick  {said}"


@pytest.mark.parametrize(
    ("name", "usage"),
    [
        ("restyle", "restyle [OPTIONS] FILE..."),
        ("learn", "learn [OPTIONS] PAINTING"),
        ("forget", "forget [OPTIONS] STYLE..."),
        ("status", "status [OPTIONS] [ID...]"),
    ],
)
def test_help_names_what_is_to_be_typed(name: str, usage: str) -> None:
    said = CliRunner().invoke(main.app, [name, "--help"]).stdout
    assert said.splitlines()[0].endswith(usage)
    assert "list[" not in said


def test_no_line_of_the_list_of_commands_is_cut_off() -> None:
    said = CliRunner().invoke(main.app, ["--help"], terminal_width=80).stdout
    assert not [line for line in said.splitlines()[1:] if line.endswith("...")]


def test_the_command_has_the_words_of_the_api() -> None:
    assert set(display.STAGES) == set(Stage)
    assert client.ENDED == set(display.COLOURS) == ENDED
    assert set(studio.GOING_ON.split(",")) == set(STATUSES.values()) - ENDED
    assert set(main.Container) == set(Container)
