"""A job's identity, and its state and status as JSON."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from function_app.scheduling.cost import Cost
from function_app.store.jobs import Job, Stage, State, Status, Terms, Work, job_id

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)


@given(NAMES, NAMES)
def test_an_id_can_name_an_instance_a_folder_and_a_job(name: str, etag: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*-[0-9a-f]{12}", made := job_id("v", name, etag))
    assert len(made) <= 53


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("scream/My Holiday.final.MP4", "my-holiday-final"),
        ("scream/Zürich Été.mov", "zurich-ete"),
        ("scream/映画.mp4", "video"),
        ("scream/" + "x" * 300 + ".mp4", "x" * 40),
    ],
)
def test_an_id_tells_the_name(name: str, slug: str) -> None:
    assert job_id("videos", name, "1").rpartition("-")[0] == slug


def test_the_same_version_is_the_same_job_and_another_another() -> None:
    first = job_id("videos", "scream/a.mp4", '"0x1"')
    assert job_id("videos", "scream/a.mp4", "0x1") == first
    others = {
        job_id("videos", "scream/a.mp4", "0x2"),
        job_id("videos", "wave/a.mp4", "0x1"),
        job_id("results", "scream/a.mp4", "0x1"),
    }
    assert len(others | {first}) == 4


def test_a_job_knows_style_and_name_of_its_video() -> None:
    job = Job.of("scream/holiday/a.mp4", "0x1")
    assert (job.style, job.name) == ("scream", "holiday/a.mp4")
    assert job.video.blob == "scream/holiday/a.mp4"
    assert job.folder.root == f"{job.job_id}/"


@pytest.mark.parametrize(
    "work", [None, Work("videos", "scream/a.mp4", 48, 2, ("a note", "two"), 1.5)]
)
def test_a_state_survives_json(work: Work | None) -> None:
    terms = Terms(True, 10, 24.0, 15.0, 0.5, "USD", None)
    state = State(Job.of("scream/a.mp4", "0x1"), work, 2, 12, 1, 30.5, "2026-11-24", terms=terms)
    assert State.from_dict(json.loads(json.dumps(state.to_dict()))) == state


def test_what_a_later_app_has_noted_is_left_out() -> None:
    state = State(Job.of("scream/a.mp4", "0x1"), Work("videos", "scream/a.mp4", 48, 2))
    fields = state.to_dict()
    later = fields | {"work": fields["work"] | {"mood": "blue"}, "weather": "fine"}
    assert State.from_dict(later) == state


def test_a_status_shows_what_programs_and_people_read() -> None:
    cost = Cost(1.5, 0.25, "USD")
    options = {"strength": 0.5, "preserve_colour": True, "container": "mkv"}
    status = Status(
        Stage.SCORE,
        12,
        48,
        3.5,
        10.3,
        1,
        2,
        3,
        "painting",
        ("a note",),
        options,
        None,
        cost,
        "https://studio",
    )
    assert json.loads(json.dumps(status.to_dict())) == {
        "stage": "score",
        "frames": {"done": 12, "total": 48},
        "fps": 3.5,
        "eta_s": 10.3,
        "attempt": 1,
        "nodes": 2,
        "gives_way": 3,
        "message": "painting",
        "notes": ["a note"],
        "options": options,
        "code": None,
        "cost": {"estimate": 1.5, "spent": 0.25, "currency": "USD"},
        "studio_url": "https://studio",
    }
