"""Whatever dies on the way, the job ends frame-exact, or as cancelled."""

import time
from collections.abc import Generator, Iterator
from typing import Any

import httpx
import psutil
import pytest

from tests.end_to_end.conftest import Atelier, add_style, running
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


def kill_host(atelier: Atelier) -> None:
    for process in _processes(atelier):
        if "emulator.host" in process.info["cmdline"]:
            process.kill()


def some_shards(atelier: Atelier, job_id: str) -> dict:
    """Wait until a job is in the middle: some shards painted, not all."""
    atelier.wait(job_id, until=lambda job: job["stage"] == "score" and atelier.shards(job_id))
    whole = dict[str, Any]()
    while not whole:  # a mount shows a file in pieces at first
        seen = atelier.shards(job_id)
        time.sleep(1)
        whole = dict(seen.items() & atelier.shards(job_id).items())
    return whole


def slow_job(atelier: Atelier, media: Media, name: str, seconds: int = 4) -> tuple[bytes, str]:
    clip = media.moving(seconds)
    return clip, atelier.upload(clip, name, style="slow")


def prove_whole(atelier: Atelier, clip: bytes, job_id: str) -> dict:
    job = atelier.wait(job_id)
    assert job["status"] == "Completed", job["error"]
    assert evidence(atelier.result(job_id)).times == pytest.approx(evidence(clip).times, abs=1e-4)
    assert not atelier.leftovers(job_id)
    return job


def test_status_tells_how_a_running_job_stands(atelier: Atelier, media: Media) -> None:
    _, job_id = slow_job(atelier, media, "status.mp4", 2)
    job = atelier.wait(job_id, until=lambda job: job["stage"] == "score" and job["fps"])
    durable = atelier.http.get(f"/runtime/webhooks/durabletask/instances/{job_id}")
    shown = durable.json()["customStatus"]
    for status in (job, shown):
        assert status["stage"] == "score"
        assert 0 < status["frames"]["done"] <= status["frames"]["total"]
        assert status["fps"] > 0
        assert status["eta_s"] >= 0
    assert durable.status_code == 202
    ended = atelier.wait(job_id)
    assert ended["result"] == "slow/status.mp4"
    assert ended["duration_s"] > 0
    assert atelier.http.get(f"/api/jobs/{job_id}/preview").content.startswith(b"\xff\xd8")
    assert job_id in {each["id"] for each in atelier.http.get("/api/jobs").json()["jobs"]}


def test_a_run_tells_its_metrics(atelier: Atelier, media: Media) -> None:
    job_id = atelier.upload(media.moving(1), "metrics.mp4")
    frames = atelier.wait(job_id)["frames"]["total"]
    history = httpx.get(
        f"{atelier.config.aml_url}/mlflow/api/2.0/mlflow/metrics/get-history",
        params={"run_id": f"{job_id}-a1", "metric_key": "frames"},
    ).json()["metrics"]
    assert history
    assert 0 <= history[0]["value"] <= history[-1]["value"] <= frames


def test_killed_rank_costs_no_finished_shard(atelier: Atelier, media: Media) -> None:
    clip, job_id = slow_job(atelier, media, "killed rank.mp4")
    some_shards(atelier, job_id)
    time.sleep(1.5)  # what is painted now is in storage before the rank dies
    before = atelier.shards(job_id)
    ranks(atelier)[-1].kill()
    job = atelier.wait(job_id, until=lambda job: job["attempt"] == 2)
    again = atelier.shards(job_id)
    assert {name: again[name] for name in before} == before
    job = prove_whole(atelier, clip, job_id)
    assert job["attempt"] == 2


@pytest.mark.parametrize(("fault", "attempts"), [("restart", 1), ("preempt", 2)])
def test_nodes_taken_away_cost_no_finished_shard(
    atelier: Atelier, media: Media, fault: str, attempts: int
) -> None:
    clip, job_id = slow_job(atelier, media, f"{fault}.mp4")
    before = some_shards(atelier, job_id)
    ask = f"{atelier.config.aml_url}/faults/jobs/{job_id}-a1/{fault}"
    assert httpx.post(ask).status_code == 204
    again = atelier.shards(job_id)
    assert {name: again[name] for name in before} == before
    assert prove_whole(atelier, clip, job_id)["attempt"] == attempts


def test_killed_host_takes_its_work_up_again(atelier: Atelier, media: Media) -> None:
    clip, job_id = slow_job(atelier, media, "killed host.mp4")
    some_shards(atelier, job_id)
    kill_host(atelier)
    prove_whole(atelier, clip, job_id)


def test_cancel_ends_the_processes_and_leaves_no_shard(atelier: Atelier, media: Media) -> None:
    _, job_id = slow_job(atelier, media, "cancelled.mp4")
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
    _, job_id = slow_job(atelier, media, "terminated.mp4")
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
