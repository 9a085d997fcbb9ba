"""A video whose frames are described: from its style to its lines, through Azurite."""

import json
import uuid
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from function_app.activities import Look
from function_app.errors import ServiceError
from function_app.stages.preprocess import preprocess
from function_app.stages.stitch import Joined, stitch
from function_app.store import paths, results, storage, styles
from function_app.store.jobs import Job
from function_app.triggers import start
from gpu_worker.plan import Plan, seal
from tests.function_app.clips import FRAMES, Clips
from tests.function_app.hub import ended, running_hub
from tests.function_app.made_styles import style_file

type Upload = Callable[..., Job]


@pytest.fixture
def job(clips: Clips, upload: Upload) -> Job:
    """A video that is planned to be described."""
    name = f"scorer-{uuid.uuid4().hex[:8]}"
    storage.write(paths.STYLES, paths.style(name), style_file(scorer="motion"), "")
    return upload(clips["plain.mp4"], "film.mp4", style=name)


def plan_of(job: Job) -> Plan:
    return Plan.from_json(storage.read(paths.JOBS, job.folder.plan) or b"")


def describe(job: Job, change: int = 0) -> None:
    """Leave lines as the worker leaves them; `change` moves their numbers."""
    plan = plan_of(job)
    for shard in plan.shards:
        numbers = range(shard.first + change, shard.last + change)
        lines = "".join(f'{{"frame": {number}}}\n' for number in numbers).encode()
        content = lines + seal(plan, shard, [lines])
        storage.write(paths.JOBS, job.folder.shard(shard), content, "")


def numbers_in(job: Job) -> list[int]:
    content = storage.read(paths.RESULTS, job.video.lines) or b""
    return [json.loads(line)["frame"] for line in content.splitlines()]


def test_a_style_with_a_scorer_makes_lines(job: Job) -> None:
    assert styles.usable(job.style).makes_lines
    assert preprocess(job).makes_lines
    plan = plan_of(job)
    assert plan.makes_lines
    assert {shard.name[-6:] for shard in plan.shards} == {".jsonl"}


def test_a_style_without_one_paints(clips: Clips, upload: Upload) -> None:
    job = upload(clips["plain.mp4"], "painted instead.mp4")
    assert not preprocess(job).makes_lines
    assert not plan_of(job).makes_lines


def test_lines_come_together_in_order_a_frame_each(job: Job) -> None:
    preprocess(job)
    describe(job)
    assert stitch(job) == Joined()
    assert numbers_in(job) == list(range(FRAMES))
    assert not storage.blob(paths.RESULTS, job.video.painted).exists()
    assert stitch(job) == Joined()
    results.delete(job)
    assert not storage.blob(paths.RESULTS, job.video.lines).exists()


def test_a_shard_that_is_damaged_is_lost_and_deleted(job: Job) -> None:
    preprocess(job)
    describe(job)
    shard = plan_of(job).shards[1]
    storage.write(paths.JOBS, job.folder.shard(shard), b'{"frame": 12}\n' * 12, "")
    assert stitch(job).lost == 1
    assert storage.read(paths.JOBS, job.folder.shard(shard)) is None
    assert numbers_in(job) == []


def test_lines_of_other_frames_are_refused(job: Job) -> None:
    preprocess(job)
    describe(job, change=1)
    with pytest.raises(ServiceError, match=r"00000\.jsonl does not hold a line for each"):
        stitch(job)
    assert numbers_in(job) == []


def test_the_outcome_of_the_job_is_its_lines(job: Job) -> None:
    def submit(payload: Any) -> Any:
        describe(Job(**payload["job"]))
        return {"value": {"frames": 0, "spending_day": "", "wait": ""}}

    looks = {"poll": lambda _: {"value": asdict(Look("Completed", FRAMES))}, "submit": submit}
    with running_hub(looks) as hub:
        start(hub.client, job)
        state = ended(hub.client, job)
    assert state.get_output()["result"] == job.video.lines
    assert numbers_in(job) == list(range(FRAMES))
