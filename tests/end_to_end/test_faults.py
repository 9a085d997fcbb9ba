"""Whatever dies on the way, the job ends frame-exact, or as cancelled."""

import time
from collections.abc import Collection, Generator, Iterator
from functools import partial
from typing import Any

import httpx
import psutil
import pytest

from tests.end_to_end.conftest import LIMIT_SECONDS, Atelier, add_style, running
from tests.end_to_end.evidence import evidence
from tests.end_to_end.media import Media

RANK = "gpu_worker.score"
CANCEL_SECONDS = 10


@pytest.fixture(scope="module")
def atelier(tmp_path_factory: pytest.TempPathFactory, slow_style: bytes) -> Generator[Atelier]:
    """Of two ranks, one of which may die; what terminated jobs leave is looked for often."""
    state = tmp_path_factory.mktemp("two ranks")
    with running(state, processes_per_node=2, REAPER_SCHEDULE="*/2 * * * * *") as atelier:
        add_style(atelier, "slow", slow_style)
        yield atelier


def ranks(atelier: Atelier) -> list[psutil.Process]:
    """The worker's processes of this emulator: the ranks themselves, not what starts them."""
    return [process for process in _processes(atelier) if _is_rank(process)]


def _processes(atelier: Atelier) -> Iterator[psutil.Process]:
    for process in psutil.process_iter(["cmdline"]):
        if str(atelier.config.state) in " ".join(process.info["cmdline"] or ()):
            yield process


def _is_rank(process: psutil.Process) -> bool:
    command = process.info["cmdline"]
    return "python" in command[0] and RANK in command


def some_shards(atelier: Atelier, job_id: str, beside: Collection[str] = ()) -> dict[str, Any]:
    """Wait until a job is in the middle: some shards painted, beside those, not all."""

    def has_more(job: dict[str, Any]) -> bool:
        return job["stage"] == "score" and not atelier.shards(job_id).keys() <= set(beside)

    whole = dict[str, Any]()
    while whole.keys() <= set(beside):  # a mount shows a file in pieces at first
        atelier.wait(job_id, until=has_more)
        seen = atelier.shards(job_id)
        time.sleep(1)
        whole = dict(seen.items() & atelier.shards(job_id).items())
    return whole


def slow_job(atelier: Atelier, media: Media, name: str) -> str:
    return atelier.upload(media.moving(4), name, style="slow")


def prove_whole(atelier: Atelier, clip: bytes, job_id: str) -> dict:
    job = atelier.wait(job_id, limit=2 * LIMIT_SECONDS)
    assert job["status"] == "Completed", job["error"]
    assert evidence(atelier.result(job_id)).times == pytest.approx(evidence(clip).times, abs=1e-4)
    assert not atelier.leftovers(job_id)
    return job


def test_status_tells_what_came_of_a_job_and_a_run_its_metrics(
    atelier: Atelier, media: Media
) -> None:
    job_id = atelier.upload(media.moving(1), "metrics.mp4")
    ended = atelier.wait(job_id)
    assert ended["result"] == "identity/metrics.mp4"
    assert ended["duration_s"] > 0
    assert atelier.http.get(f"/api/jobs/{job_id}/preview").content.startswith(b"\xff\xd8")
    assert job_id in {each["id"] for each in atelier.http.get("/api/jobs").json()["jobs"]}
    history = httpx.get(
        f"{atelier.config.aml_url}/mlflow/api/2.0/mlflow/metrics/get-history",
        params={"run_id": f"{job_id}-a1", "metric_key": "frames"},
    ).json()["metrics"]
    assert history
    assert 0 <= history[0]["value"] <= history[-1]["value"] <= ended["frames"]["total"]


@pytest.fixture(scope="module")
def film(atelier: Atelier, media: Media) -> tuple[bytes, str]:
    """A video whose job is at work, and outlives much: of many shards, and of few frames."""
    clip = media.moving(60, rate=2)
    return clip, atelier.upload(clip, "film.mp4", style="slow")


def test_status_tells_how_a_running_job_stands(atelier: Atelier, film: tuple[bytes, str]) -> None:
    _, job_id = film
    job = atelier.wait(job_id, until=lambda job: job["stage"] == "score" and job["fps"])
    durable = atelier.http.get(f"/runtime/webhooks/durabletask/instances/{job_id}")
    shown = durable.json()["customStatus"]
    for status in (job, shown):
        assert status["stage"] == "score"
        assert 0 < status["frames"]["done"] <= status["frames"]["total"]
        assert status["fps"] > 0
        assert status["eta_s"] >= 0
    assert durable.status_code == 202


def kill_a_rank(atelier: Atelier, job_id: str) -> None:
    time.sleep(1.5)  # what is painted now is in storage before the rank dies
    ranks(atelier)[-1].kill()
    atelier.wait(job_id, until=lambda job: job["attempt"] == 2)


def take_nodes(atelier: Atelier, job_id: str, fault: str) -> None:
    job = atelier.job(job_id) or {}
    ask = f"{atelier.config.aml_url}/faults/jobs/{job_id}-a{job['attempt']}/{fault}"
    assert httpx.post(ask).status_code == 204


def kill_host(atelier: Atelier, _: str) -> None:
    for process in _processes(atelier):
        if "emulator.host" in process.info["cmdline"]:
            process.kill()


def test_whatever_dies_costs_no_finished_shard(atelier: Atelier, film: tuple[bytes, str]) -> None:
    clip, job_id = film
    restart, preempt = (partial(take_nodes, fault=fault) for fault in ("restart", "preempt"))
    painted = dict[str, Any]()
    for strike in (kill_a_rank, restart, preempt, kill_host):
        seen = some_shards(atelier, job_id, beside=painted)
        assert painted.items() <= seen.items()
        strike(atelier, job_id)
        painted = seen
    assert painted.items() <= atelier.shards(job_id).items()
    job = prove_whole(atelier, clip, job_id)
    assert job["attempt"] == 3, "a rank that dies and nodes that are gone for good cost one each"


def test_cancel_ends_the_processes_and_leaves_no_shard(atelier: Atelier, media: Media) -> None:
    job_id = slow_job(atelier, media, "cancelled.mp4")
    some_shards(atelier, job_id)
    assert ranks(atelier)
    assert atelier.http.post(f"/api/jobs/{job_id}/cancel").status_code == 202
    deadline = time.monotonic() + CANCEL_SECONDS
    while ranks(atelier) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not ranks(atelier)
    job = atelier.wait(job_id)
    assert job["status"] == "Cancelled"
    assert job["stage"] == "cancelled"
    assert not atelier.leftovers(job_id)
    again = atelier.http.post(f"/api/jobs/{job_id}/cancel")
    assert again.status_code == 409
    assert again.json()["code"] == "job-ended"


def test_terminated_instance_is_reaped(atelier: Atelier, media: Media) -> None:
    job_id = slow_job(atelier, media, "terminated.mp4")
    some_shards(atelier, job_id)
    url = f"/runtime/webhooks/durabletask/instances/{job_id}/terminate"
    assert atelier.http.post(url, params={"reason": "a test"}).status_code == 202
    assert atelier.wait(job_id)["status"] == "Cancelled"
    deadline = time.monotonic() + 2 * CANCEL_SECONDS
    while (ranks(atelier) or atelier.leftovers(job_id)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not ranks(atelier)
    assert not atelier.leftovers(job_id)


def test_cancel_of_an_unknown_job_fails(atelier: Atelier) -> None:
    answer = atelier.http.post("/api/jobs/nothing-000000000000/cancel")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "no-job"
