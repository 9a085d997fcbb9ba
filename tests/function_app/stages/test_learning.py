"""From a painting or checkpoint to a style, as far as it goes through storage."""

import json
import uuid
from collections.abc import Callable

import pytest

from function_app.compute.tasks import task_of
from function_app.errors import Code, InputError, ServiceError
from function_app.scheduling import cost
from function_app.settings import settings
from function_app.stages import learning
from function_app.stages.preprocess import preprocess
from function_app.store import paths, storage, styles
from function_app.store.jobs import Job, Work
from function_app.store.styles import State
from gpu_worker.plan import BUDGET_PARTS, STYLE_NAME
from tests.function_app.clips import Clips
from tests.function_app.made_styles import style_file

type Upload = Callable[..., Job]
type Drop = Callable[..., Job]


@pytest.fixture
def name() -> str:
    return f"learnt-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def drop(name: str) -> Drop:
    """Return a way to drop a file into the container of styles, which gives its job."""

    def put(suffix: str = ".jpg", content: bytes = b"painting") -> Job:
        client = storage.blob(paths.STYLES, name + suffix)
        etag = client.upload_blob(content, overwrite=True)["etag"]
        return Job.of_style(client.blob_name, etag)

    return put


def make(job: Job, content: bytes) -> None:
    """Leave a style where the worker leaves it."""
    storage.write(paths.JOBS, job.folder.output(STYLE_NAME), content, "")


def test_the_upload_is_kept_for_the_worker(drop: Drop) -> None:
    job = drop(".JPG")
    work = learning.prepare(job)
    estimate = cost.estimate_learning(settings())
    assert work == Work(paths.JOBS, job.folder.source(".jpg"), BUDGET_PARTS, 1, estimate=estimate)
    assert storage.read(work.source_container, work.source_blob) == b"painting"


def test_a_painting_is_learnt_on_a_video_that_waits_for_it(
    drop: Drop, upload: Upload, clips: Clips, name: str
) -> None:
    job = drop()
    upload(b"never planned", "bad.mp4", style=name)
    assert learning.prepare(job).content == ""
    waiting = upload(clips["plain.mp4"], "waits.mp4", style=name)
    assert preprocess(waiting).awaits_style
    work = learning.prepare(job)
    assert work.content == waiting.video.blob
    task = task_of(job, work)
    assert '--content "${{inputs.content}}"' in task.command
    assert task.inputs["content"] == (paths.VIDEOS, waiting.video.blob)


def test_a_painting_is_learnt_and_a_checkpoint_converted_by_one_process(
    drop: Drop, configure: Callable[..., None]
) -> None:
    configure(LEARN_OPTIONS="--steps 7", LEARN_MINUTES="0.5", AML_PROCESSES_PER_NODE="4")
    painting, checkpoint = drop(".png"), drop(".pth")
    learns = task_of(painting, Work(paths.JOBS, "x", 100, 1))
    converts = task_of(checkpoint, Work(paths.JOBS, "x", 100, 1))
    assert learns.command.startswith("python -m gpu_worker.learn ")
    assert learns.command.endswith(" --minutes 0.5 --steps 7")
    assert converts.command.startswith("python -m gpu_worker.convert ")
    for task in (learns, converts):
        assert (task.processes_per_node, task.inputs) == (1, {"source": (paths.JOBS, "x")})


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "is empty: upload a whole one"), (b"x" * 101, "more than the limit of")],
)
def test_an_upload_of_no_use_is_refused(
    drop: Drop, configure: Callable[..., None], content: bytes, sentence: str
) -> None:
    configure(MAX_STYLE_BYTES="100")
    with pytest.raises(InputError, match=sentence):
        learning.prepare(drop(content=content))


def test_an_upload_that_was_replaced_leaves_the_newer_one_alone(drop: Drop, name: str) -> None:
    older, newer = drop(), drop(content=b"another painting")
    make(older, style_file())
    for act in (learning.prepare, learning.publish):
        with pytest.raises(InputError, match="was replaced by a newer upload"):
            act(older)
    learning.report(older, "it was replaced", Code.REPLACED)
    assert storage.read(paths.STYLES, f"{name}.error.json") is None
    assert styles.usable(name).job_id == newer.job_id


def test_what_the_worker_made_becomes_the_style(drop: Drop, name: str) -> None:
    job = drop()
    learning.report(job, "an earlier try failed", Code.SERVICE_FAILED)
    make(job, style_file(painting="painting.jpg"))
    for _ in range(2):
        learning.publish(job)
    style = styles.usable(name)
    assert (style.state, style.message, style.job_id) == (State.READY, "", None)
    assert style.metadata["painting"] == "painting.jpg"
    assert storage.read(paths.STYLES, f"{name}.error.json") is None


def test_half_a_style_is_the_worlds_fault(drop: Drop) -> None:
    job = drop()
    with pytest.raises(ServiceError, match="the worker left no usable style: there is no style"):
        learning.publish(job)
    make(job, style_file()[:-1])
    with pytest.raises(ServiceError, match=r"the worker left no usable style: .* is damaged"):
        learning.publish(job)


def test_a_failure_is_told_beside_the_upload(drop: Drop, name: str) -> None:
    job = drop()
    learning.report(job, "it is a poem", Code.UNUSABLE_PAINTING)
    report = json.loads(storage.read(paths.STYLES, f"{name}.error.json") or b"")
    assert report == {
        "job_id": job.job_id,
        "style": name,
        "code": "unusable-painting",
        "error": "it is a poem",
    }
    assert styles.find(name) == styles.Style(name, State.FAILED, {}, "it is a poem")
