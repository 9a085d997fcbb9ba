"""A film gives way to clips that come while it is painted, on a cluster of two nodes."""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from tests.end_to_end.conftest import LIMIT_SECONDS, Atelier, running
from tests.end_to_end.media import Media
from tests.end_to_end.test_faults import some_shards

NODES = 2
LIMIT = 3 * LIMIT_SECONDS
# Times are multiples of a restart, here a second; by this rate a clip is short, and a film is not.
SETTINGS = {"RESTART_SECONDS": "1", "MEGAPIXELS_PER_SECOND": "0.5", "TARGET_MINUTES": "0.1"}
PAINTED = re.compile(r"shard (\d+): frames (\d+) to (\d+)")


@contextmanager
def on_one_core() -> Generator[None]:
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@pytest.fixture(scope="module")
def two_nodes(tmp_path_factory: pytest.TempPathFactory, slow_style: bytes) -> Generator[Atelier]:
    """On one core: a rank has as many threads on however many nodes, and so encodes the same."""
    state = tmp_path_factory.mktemp("two nodes")
    with on_one_core(), running(state, nodes=NODES, processes_per_node=1, **SETTINGS) as atelier:
        atelier.blobs.get_blob_client("styles", "slow.safetensors").upload_blob(slow_style)
        yield atelier


def digest(atelier: Atelier, job_id: str) -> str:
    return hashlib.sha256(atelier.result(job_id)).hexdigest()


def painted(atelier: Atelier, job_id: str) -> tuple[Counter[int], int]:
    """How often each shard was painted to its end, and in how many attempts."""
    logs = list((atelier.config.state / "jobs").glob(f"{job_id}-a*/user_logs/std_log.txt"))
    found = (PAINTED.finditer(log.read_text()) for log in logs)
    return Counter(int(each[1]) for matches in found for each in matches), len(logs)


def test_a_film_gives_way_to_clips_and_is_the_same(two_nodes: Atelier, media: Media) -> None:
    film = media.moving(3)
    alone = two_nodes.upload(film, "alone.mp4", style="slow")
    two_nodes.wait(alone, limit=LIMIT)
    job_id = two_nodes.upload(film, "film.mp4", style="slow")
    before = some_shards(two_nodes, job_id)
    clips = [two_nodes.upload(media.moving(1), f"clip {number}.mp4") for number in range(3)]
    given = two_nodes.wait(job_id, until=lambda job: job["gives_way"])
    assert given["nodes"] < NODES or given["message"].startswith("gives way to")
    for clip in clips:
        assert two_nodes.wait(clip)["status"] == "Completed"
    assert (two_nodes.job(job_id) or {})["status"] == "Running", "no clip waits for the film"
    ended = two_nodes.wait(job_id, limit=LIMIT)
    assert (ended["status"], ended["attempt"], ended["gives_way"]) == ("Completed", 1, 0)
    assert digest(two_nodes, job_id) == digest(two_nodes, alone)
    times, attempts = painted(two_nodes, job_id)
    assert attempts > 1
    assert all(times[int(name[-9:-4])] == 1 for name in before), "what was painted stays"
    assert sum(times.values()) - len(times) <= NODES * (attempts - 1)
    assert not two_nodes.leftovers(job_id)
