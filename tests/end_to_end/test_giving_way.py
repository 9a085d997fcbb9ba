"""Who gives way to whom, and who need not, on a cluster of two nodes."""

import hashlib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.workers import painted
from tests.end_to_end.conftest import LIMIT_SECONDS, Atelier, add_style, running
from tests.end_to_end.media import Media
from tests.end_to_end.test_faults import some_shards
from tests.end_to_end.test_styles import drop, painting

NODES = 2
LIMIT = 3 * LIMIT_SECONDS
# Times are multiples of a restart, here a second; by this rate a clip is short, and a film is not.
SETTINGS = {
    "RESTART_SECONDS": "1",
    "MEGAPIXELS_PER_SECOND": "0.5",
    "TARGET_MINUTES": "0.1",
    # Longer than any test: a learning ends when it is cancelled.
    "LEARN_OPTIONS": "--steps 1000000 --size 72 --width 8 --blocks 1",
    "LEARN_MINUTES": "10",
}


@pytest.fixture(scope="module")
def two_nodes(tmp_path_factory: pytest.TempPathFactory, slow_style: bytes) -> Generator[Atelier]:
    state = tmp_path_factory.mktemp("two nodes")
    with running(state, nodes=NODES, **SETTINGS) as atelier:
        add_style(atelier, "slow", slow_style)
        yield atelier


def digest(atelier: Atelier, job_id: str) -> str:
    return hashlib.sha256(atelier.result(job_id)).hexdigest()


def styles(atelier: Atelier) -> list[dict[str, Any]]:
    return atelier.http.get("/api/styles").raise_for_status().json()["styles"]


def test_a_video_is_painted_beside_a_learning(
    two_nodes: Atelier, media: Media, tmp_path: Path
) -> None:
    drop(two_nodes, "endless", "endless.png", painting(tmp_path))
    (learning,) = (each["job"] for each in styles(two_nodes) if each["name"] == "endless")
    learnt = two_nodes.wait(learning, until=lambda job: job["frames"]["done"], limit=LIMIT)
    clip = two_nodes.upload(media.moving(1), "beside.mp4")
    assert two_nodes.wait(clip)["status"] == "Completed"
    before = learnt["frames"]["done"]
    went_on = two_nodes.wait(learning, lambda job: job["frames"]["done"] > before, LIMIT)
    assert (
        went_on["attempt"],
        went_on["gives_way"],
        painted(two_nodes.config.state, learning)[1],
    ) == (1, 0, 1)
    two_nodes.http.delete("/api/styles/endless").raise_for_status()
    assert two_nodes.wait(learning)["status"] == "Cancelled"


def test_a_film_gives_way_to_clips_and_is_the_same(two_nodes: Atelier, media: Media) -> None:
    # Of so many shards that it is still painted when a clip has begun and ended.
    film = media.moving(60, rate=2)
    alone = two_nodes.upload(film, "alone.mp4", style="slow")
    two_nodes.wait(alone, limit=LIMIT)
    job_id = two_nodes.upload(film, "film.mp4", style="slow")
    before = some_shards(two_nodes, job_id)
    clips = [two_nodes.upload(media.moving(1), f"clip {number}.mp4") for number in range(3)]
    given = two_nodes.wait(job_id, until=lambda job: job["gives_way"])
    assert given["nodes"] < NODES or given["message"].startswith("gives way to")
    first, *others = clips
    assert two_nodes.wait(first)["status"] == "Completed"
    assert (two_nodes.job(job_id) or {})["status"] == "Running", "no clip waits for the film"
    assert {two_nodes.wait(clip)["status"] for clip in others} == {"Completed"}
    ended = two_nodes.wait(job_id, limit=LIMIT)
    assert (ended["status"], ended["attempt"], ended["gives_way"]) == ("Completed", 1, 0)
    assert digest(two_nodes, job_id) == digest(two_nodes, alone)
    times, attempts = painted(two_nodes.config.state, job_id)
    assert attempts > 1
    assert all(times[int(name[-9:-4])] == 1 for name in before), "what was painted stays"
    assert sum(times.values()) - len(times) <= NODES * (attempts - 1)
    assert not two_nodes.leftovers(job_id)
