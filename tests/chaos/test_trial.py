"""A few schedules, struck against real jobs, and what the oracle says where something is wrong."""

import hashlib
import time
from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chaos import oracle
from chaos.clock import AT_ONCE_S
from chaos.faults import STEP_FORWARD_S
from chaos.oracle import Observed
from chaos.scene import Scene
from chaos.schedule import Schedule, Strike
from chaos.trial import LIMIT_S, Trials
from gpu_worker.plan import seal
from tests.gpu_worker.plans import even, synthetic_plan

AGAIN = Strike("event again", "end", 1)
LOST = Strike("event lost", "upload", 1)
LOST_ANSWER = Strike("answers lost", "commit", 1)
SCHEDULES = (
    Schedule(1000, "sound.mp4", (Strike("kill a rank", "poll", 1), LOST_ANSWER)),
    Schedule(1001, "sound.mp4", (Strike("shards exchanged", "join", 1), AGAIN)),
    Schedule(1002, "sound.mp4", (Strike("video replaced", "submit", 1),)),
    Schedule(1003, "sound.mp4", (LOST, AGAIN)),
    Schedule(1004, "sound.mp4", (Strike("a clip comes", "poll", 1),)),
)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Generator[Scene]:
    """One whose host has everybody's clock, as none of these schedules sets it."""
    folder = tmp_path_factory.mktemp("chaos")
    with Scene.set_up(folder, own_clock=False, processes_per_node=1) as scene:
        yield scene


@pytest.fixture(scope="module")
def trials(scene: Scene) -> Trials:
    return Trials(scene, ["sound.mp4"])


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.strikes[0].fault)
def test_a_struck_job_ends_as_it_must(trials: Trials, schedule: Schedule) -> None:
    trial = trials.run(schedule)
    assert trial["violations"] == []
    assert all(strike["hit"] for strike in trial["strikes"])


def test_the_host_sees_its_clock_set(tmp_path: Path) -> None:
    with Scene.set_up(tmp_path / "state") as scene:
        scene.clock.step(STEP_FORWARD_S)
        time.sleep(2 * AT_ONCE_S)
        job = scene.wait(scene.upload("identity/early.mp4", b"Dear diary,\n"), LIMIT_S)
    assert job
    ahead = datetime.fromisoformat(job["created"]) - datetime.now(UTC)
    assert ahead.total_seconds() > STEP_FORWARD_S - LIMIT_S


@pytest.mark.parametrize(
    ("job", "violation"),
    [
        (None, "the job never started"),
        ({"status": "Running", "stage": "score", "message": "m"}, "the job has not ended"),
        ({"status": "Completed"}, "the result is not the undisturbed one's"),
        ({"status": "Failed", "error": {"detail": "a\nb"}}, "the failure is no sentence"),
        ({"status": "Failed", "error": {"detail": "why"}}, "the failure was not reported"),
        ({"status": "Failed", "error": {"detail": "why"}}, "the job failed without a cause"),
        ({"status": "Cancelled"}, "the job was cancelled by nobody"),
        ({"status": "Completed", "created": "later"}, "the same event started the job again"),
    ],
)
def test_the_oracle_sees(scene: Scene, job: dict | None, violation: str) -> None:
    seen = Observed("identity/none.mp4", "none-000000000000", "0" * 64, started="then")
    found = oracle.violations(scene, seen, job and {"created": "then", **job})
    assert [each for each in found if each.startswith(violation)]


def test_the_oracle_sees_a_shard_that_is_sealed_before_it_is_whole(scene: Scene) -> None:
    job_id = "none-000000000000"
    seen = Observed("identity/none.mp4", job_id, "0" * 64)
    plan = replace(synthetic_plan(even(20), shard_length=10), job_id=job_id)
    scene.blobs.get_blob_client("jobs", f"{job_id}/plan.json").upload_blob(plan.to_json())
    line = f"PUT /devstoreaccount1/jobs/{job_id}/work/00000.mp4"
    content = bytes(range(200))
    proof = seal(plan, plan.shards[0], [content])
    for sound in (content[:100], content + proof):
        seen.note_write(line, sound, scene)
    assert seen.half_files == []
    seen.note_write(line.replace(job_id, "another-000000000000"), bytes(200) + proof, scene)
    assert seen.half_files == []
    seen.note_write(line, bytes(200) + proof, scene)
    assert seen.half_files == [line]


def test_the_oracle_sees_a_half_result(scene: Scene) -> None:
    seen = Observed("identity/half.mp4", "half-000000000000", hashlib.sha256(b"whole").hexdigest())
    line = "PUT /devstoreaccount1/results/identity/half.mp4?comp=blocklist"
    blob = scene.blobs.get_blob_client("results", seen.names.painted)
    for content in (None, b"whole", b"wh"):
        if content:
            blob.upload_blob(content, overwrite=True)
        seen.note_write(line, b"", scene)
    assert seen.half_files == [f"before {line}"]
