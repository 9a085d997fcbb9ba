"""An event may come again, late or not at all: each upload is one job, and none is forgotten."""

import time

import httpx

from emulator.event_grid import events_on_their_way
from tests.end_to_end.conftest import LIMIT_SECONDS, Atelier
from tests.end_to_end.media import Media
from tests.end_to_end.test_faults import prove_whole


def wait_for_events(atelier: Atelier) -> None:
    """Wait until the triggers have dealt with every event."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while events_on_their_way(atelier.config):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_same_event_twice_is_one_job(atelier: Atelier, media: Media) -> None:
    job_id = atelier.upload(media.moving(1), "twice.mp4")
    before = atelier.wait(job_id)
    again = {"container": "videos", "name": "identity/twice.mp4"}
    httpx.post(f"{atelier.config.event_grid_url}/faults/again", json=again).raise_for_status()
    wait_for_events(atelier)
    jobs = atelier.http.get("/api/jobs", params={"video": "identity/twice.mp4"}).json()["jobs"]
    assert [job["id"] for job in jobs] == [job_id]
    assert jobs[0] == before


def test_lost_event_costs_minutes_and_no_job(atelier: Atelier, media: Media) -> None:
    lost = {"container": "videos", "name": "identity/lost.mp4"}
    httpx.post(f"{atelier.config.event_grid_url}/faults/lose", json=lost).raise_for_status()
    clip = media.moving(1)
    prove_whole(atelier, clip, atelier.upload(clip, "lost.mp4"))


def test_overwritten_video_is_another_job(atelier: Atelier, media: Media) -> None:
    first = atelier.upload(media.moving(1), "again.mp4")
    atelier.wait(first)
    second = atelier.upload(media.moving(2), "again.mp4")
    assert second != first
    prove_whole(atelier, media.moving(2), second)
