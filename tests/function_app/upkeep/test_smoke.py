"""The smoke job on the emulator: whole, and each thing that it knows to go wrong."""

import hashlib
import shlex
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

import pytest

from function_app import doctor
from function_app.compute import submission
from function_app.compute.tasks import Task
from function_app.settings import settings
from function_app.store import paths, storage
from function_app.upkeep import smoke
from function_app.upkeep.findings import Finding
from gpu_worker.plan import Smoke
from tests.function_app.azureml import AzureML, ignores_azure_ml

pytestmark = ignores_azure_ml

GOOD = Smoke(
    *(0, 2, "node-0", 1, "Tesla T4", "", "the driver is 580.65", ("libx264", "h264_nvenc")),
    *("00", "", 0.2, 60.0, 200.0, 900.0),
)
PAIR = (GOOD, replace(GOOD, rank=1, node="node-1"))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoke, "SAMPLE_BYTES", 2**21)
    monkeypatch.setattr(smoke, "POLL_SECONDS", 0.1)


@pytest.fixture
def nothing_is_left(azureml: AzureML) -> Iterator[None]:
    """After the test, neither a blob nor a job that runs."""
    yield
    assert list(storage.names(paths.JOBS, f"{paths.SMOKE}/")) == []
    names = [name for name in azureml.names() if name.startswith(paths.SMOKE)]
    assert {submission.state(name) for name in names} <= {*submission.FINAL, "CancelRequested"}


def states(findings: Iterator[Finding]) -> dict[str, str]:
    return {each.name.removeprefix("smoke: "): each.state for each in findings}


def wrong(findings: Iterator[Finding]) -> dict[str, str]:
    """What is wrong, each by its name; every one says what to do."""
    found = [each for each in findings if each.state == "wrong"]
    assert all(each.advice for each in found)
    return {each.name.removeprefix("smoke: "): each.detail for each in found}


def runs_instead(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the nodes run something else."""
    monkeypatch.setattr(smoke, "smoke_task", lambda sample: Task(command, {"sample": sample}))


@pytest.mark.usefixtures("nothing_is_left")
def test_a_smoke_job_runs_whole_and_finds_nothing_wrong(
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure(AML_PROCESSES_PER_NODE="2", AML_NODES_MAX="1")
    monkeypatch.setattr(doctor, "CHECKS", ())
    status = doctor.main(["--smoke"])
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith("ok ")] == []
    found = {line.split()[2] for line in lines}
    assert found == {"submitted", "ran", "GPU", "encoder", "MPI", "output", "input", "flush"}
    assert "2 ranks on 1 machines" in next(line for line in lines if "MPI" in line)
    assert status == 0


@pytest.mark.usefixtures("nothing_is_left")
def test_a_gpu_that_is_not_there_and_an_encoder_that_does_not_work_are_found_on_the_node(
    azureml: AzureML, configure: Callable[..., None]
) -> None:
    del azureml
    configure(AML_SKU="Standard_NC4as_T4_v3", ENCODER="h264_nvenc", AML_NODES_MAX="1")
    found = wrong(smoke.smoke())
    assert found.keys() == {"GPU", "encoder"}
    assert "CUDA is not available" in found["GPU"]
    assert "no driver" in found["GPU"]


@pytest.mark.usefixtures("nothing_is_left")
def test_a_job_that_is_not_taken_is_wrong(azureml: AzureML) -> None:
    azureml.ask("answers", method="PUT", status=403)
    (sentence,) = wrong(smoke.smoke()).values()
    assert "failed on submitting smoke-" in sentence


@pytest.mark.usefixtures("nothing_is_left")
def test_an_image_that_does_not_start_leaves_no_word(
    azureml: AzureML, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    del azureml
    configure(AML_NODES_MAX="1")
    runs_instead("python -c 'import nothing'", monkeypatch)
    found = wrong(smoke.smoke())
    assert found == {"ran": "it ended as Failed; its log", "reports": "no word of 1 of 1 ranks"}


@pytest.fixture
def no_node_is_free(azureml: AzureML) -> Generator[None]:
    """Another job holds every node that there is."""
    del azureml
    sample = "busy"
    storage.write(paths.JOBS, sample, b"", "application/octet-stream")
    task = Task("sleep 600", {"sample": (paths.JOBS, sample)})
    nodes = settings().aml_nodes_max
    other = submission.Order("busy-job", task, "busy-work/", nodes, 1.0, {})
    submission.order(other)
    yield
    submission.cancel(other.name)
    storage.delete(paths.JOBS, sample)


@pytest.mark.usefixtures("no_node_is_free", "nothing_is_left")
def test_nodes_that_do_not_come_are_given_up() -> None:
    found = wrong(smoke.smoke(minutes=0.01))
    assert found["nodes"].startswith("Queued for 0.01 minutes: no nodes came")


@pytest.mark.usefixtures("nothing_is_left")
def test_what_a_mount_does_not_get_rid_of_in_time_is_missed(
    azureml: AzureML, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report comes in time, and what is written last does not."""
    del azureml
    configure(AML_NODES_MAX="1")
    leaves = (
        "from pathlib import Path; import sys, time; out = Path(sys.argv[1]);"
        f"(out / {GOOD.name!r}).write_text(sys.argv[2]); time.sleep(1);"
        f"(out / {GOOD.left!r}).write_bytes(b'whole')"
    )
    report = replace(GOOD, ranks=1, digest=hashlib.sha256(b"whole").hexdigest()).to_json()
    runs_instead(f'python -c "{leaves}" "${{{{outputs.work}}}}" {shlex.quote(report)}', monkeypatch)
    assert wrong(smoke.smoke()) == {}
    monkeypatch.setitem(submission.MOUNT, "DATASET_UNMOUNT_TIMEOUT_SECONDS", "0")
    told = "storage has not all that was written by rank 0 of node-0"
    assert wrong(smoke.smoke()) == {"flush": told}


NVIDIA = {"AML_SKU": "Standard_NC4as_T4_v3", "ENCODER": "h264_nvenc"}


def test_two_good_nodes_are_good(configure: Callable[..., None]) -> None:
    configure(**NVIDIA)
    assert set(states(smoke.judge(PAIR, 2, 2)).values()) == {"ok"}


@pytest.mark.parametrize(
    ("change", "name", "detail"),
    [
        ({"no_gpu": "CUDA error"}, "GPU", "node-1 has none that works (CUDA error): the driver is"),
        ({"gpus": 0}, "GPU", "node-1 has 0 for 1 processes"),
        ({"encoders": ("libx264",)}, "encoder", "h264_nvenc does not work on node-1"),
        ({"draws": None}, "MPI", "the ranks on node-0, node-1 do not reach each other"),
        ({"ranks": 1}, "MPI", "node-1 is in a world of 1 ranks, not of 2"),
        ({"unwritten": "No space"}, "output", "rank 1 of node-1: No space"),
        ({"seek_rate": 1.0}, "input", "1 MB/s here and there"),
        ({"far_seconds": 30.0}, "input", "the first block after 30.0 s (node-1)"),
    ],
)
def test_one_bad_node_is_found(
    change: dict[str, object], name: str, detail: str, configure: Callable[..., None]
) -> None:
    configure(**NVIDIA)
    found = wrong(smoke.judge((GOOD, replace(PAIR[1], **change)), 2, 2))
    assert found.keys() == {name}
    assert detail in found[name]


def test_a_rank_without_a_word_is_missed(configure: Callable[..., None]) -> None:
    configure(**NVIDIA)
    assert wrong(smoke.judge(PAIR[:1], 2, 1)) == {"reports": "no word of 1 of 2 ranks"}


def test_ranks_of_one_machine_say_nothing_of_the_way_between_nodes(
    configure: Callable[..., None],
) -> None:
    configure(**NVIDIA)
    together = (GOOD, replace(GOOD, rank=1))
    assert states(smoke.judge(together, 2, 2))["MPI"] == "unknown"
