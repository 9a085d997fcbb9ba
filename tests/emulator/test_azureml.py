"""The Azure ML endpoint, through the real azure-ai-ml client and real MPI processes."""

import os
import shlex
import signal
import time
import uuid
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from emulator import Config, Emulator
from emulator.processes import owned

# azure-ai-ml 1.35 itself uses what marshmallow 4 and the standard library will drop.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SCRIPT = Path(__file__).with_name("mpi_job.py")
INPUT = "a b/$(touch hacked) 'ü' \"%2F\".mp4"
CONTENT = b"content of the input"
FINAL = {"Completed", "Failed", "Canceled"}


class Anonymous(TokenCredential):
    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return AccessToken("anonymous", int(time.time()) + 3600)


class Workspace:
    """Submits jobs of `mpi_job.py` and looks at what becomes of them."""

    def __init__(self, config: Config, storage: BlobServiceClient, wait: Callable[..., None]):
        from azure.ai.ml import MLClient

        clouds = ("azure_portal", "resource_manager", "active_directory", "aml_resource_id",
                  "storage_endpoint", "registry_discovery_endpoint")  # fmt: skip
        self.client = MLClient(
            Anonymous(), "subscription", "group", "workspace",
            cloud="Local", cloud_metadata=dict.fromkeys(clouds, config.aml_url),
        )  # fmt: skip
        self.config = config
        self.jobs_container = storage.get_container_client("jobs")
        self._wait = wait

    def submit(self, name: str, *words: str, **changes: Any) -> str:
        from azure.ai.ml import Input, MpiDistribution, Output, command

        job: dict[str, Any] = {
            "name": name,
            "experiment_name": "tests",
            "command": f"python {shlex.quote(str(SCRIPT))} "
            f'"${{{{inputs.video}}}}" ${{{{outputs.work}}}} {shlex.join(words)}',
            "environment": "gpu-worker:1",
            "environment_variables": {"GREETING": "hello world"},
            "inputs": {
                "video": Input(
                    type="uri_file",
                    mode="ro_mount",
                    path=f"azureml://datastores/videos/paths/{INPUT}",
                )
            },
            "outputs": {
                "work": Output(
                    type="uri_folder",
                    mode="rw_mount",
                    path=f"azureml://datastores/jobs/paths/{name}/work",
                )
            },
            "compute": "local",
            "instance_count": 1,
            "shm_size": "1g",
            "timeout": 600,
            "distribution": MpiDistribution(process_count_per_instance=2),
        }
        self.client.jobs.create_or_update(command(**job | changes))
        return name

    def status(self, name: str) -> str:
        return self.client.jobs.get(name).status

    def reaches(self, name: str, *statuses: str) -> str:
        self._wait(lambda: self.status(name) in statuses)
        return self.status(name)

    def run(self, name: str, *words: str, **changes: Any) -> str:
        """Submit a job and return the status that it ends with."""
        return self.reaches(self.submit(name, *words, **changes), *FINAL)

    def folder(self, name: str) -> Path:
        return self.config.state / "jobs" / name

    def let_go(self, name: str, file: str) -> None:
        """Make a job go on that awaits `file`."""
        (self.folder(name) / "outputs" / file).touch()

    def outputs(self, name: str) -> dict[str, bytes]:
        """Return what was written back; nothing where that changes in this moment."""
        prefix = f"{name}/work/"
        try:
            return {
                blob.removeprefix(prefix): self.jobs_container.download_blob(blob).readall()
                for blob in self.jobs_container.list_blob_names(name_starts_with=prefix)
            }
        except ResourceNotFoundError:
            return {}

    def log(self, name: str) -> str:
        return httpx.get(f"{self.config.aml_url}/logs/{name}").raise_for_status().text


@pytest.fixture(scope="module")
def workspace(
    services: Emulator, storage: BlobServiceClient, wait_until: Callable[..., None]
) -> Workspace:
    storage.get_blob_client("videos", INPUT).upload_blob(CONTENT, overwrite=True)
    return Workspace(services.config, storage, wait_until)


@pytest.fixture
def name() -> str:
    return f"job-{uuid.uuid4().hex[:8]}-a1"


@pytest.fixture
def cancelling(workspace: Workspace, name: str) -> Generator[str]:
    """Give a name; whatever the test leaves running under it is cancelled."""
    yield name
    workspace.client.jobs.begin_cancel(name)
    workspace.reaches(name, *FINAL)


def test_a_job_runs_all_ranks_and_its_outputs_are_written_back(workspace: Workspace, name: str):
    assert workspace.run(name, "copy", "part", "env", "GREETING", "env", "AZUREML_RUN_ID") == (
        "Completed"
    )
    assert workspace.outputs(name) == {"part.0": CONTENT, "part.1": CONTENT}
    assert "GREETING=hello world" in workspace.log(name)
    assert f"AZUREML_RUN_ID={name}" in workspace.log(name)


def test_a_job_whose_processes_fail_has_failed_but_its_outputs_stay(
    workspace: Workspace, name: str
):
    status = workspace.run(name, "write", "failure.json", "{}", "exit", "3")
    assert status == "Failed"
    assert workspace.outputs(name) == {"failure.json": b"{}"}
    assert "exit status 3" in workspace.log(name)


def test_a_job_whose_input_is_missing_has_failed_and_says_so(workspace: Workspace, name: str):
    from azure.ai.ml import Input

    absent = Input(type="uri_file", path="azureml://datastores/videos/paths/absent.mp4")
    assert workspace.run(name, inputs={"video": absent}) == "Failed"
    assert "There is no blob 'absent.mp4' in 'videos'." in workspace.log(name)


def test_a_folder_is_brought_to_disk_as_an_input_for_as_long_as_the_job_lives(
    workspace: Workspace, storage: BlobServiceClient, name: str
):
    from azure.ai.ml import Input

    storage.get_blob_client("styles", f"{name}/deep/er.txt").upload_blob(b"deep")
    folder = Input(type="uri_folder", path=f"azureml://datastores/styles/paths/{name}")
    workspace.submit(name, "await", "end", inputs={"video": folder})
    workspace.reaches(name, "Running")
    brought = workspace.folder(name) / "inputs" / "video" / "deep" / "er.txt"
    assert brought.read_bytes() == b"deep"
    workspace.let_go(name, "end")
    assert workspace.reaches(name, *FINAL) == "Completed"
    assert not brought.exists()


def test_outputs_are_written_back_while_the_job_runs(
    workspace: Workspace, cancelling: str, wait_until: Callable[..., None]
):
    workspace.submit(
        cancelling,
        *("write", "0.part", "half", "write", "progress", "1", "await", "one"),
        *("rename", "0.part", "0.mp4", "write", "progress", "2", "await", "two"),
        *("remove", "progress", "await", "never"),
    )
    wait_until(lambda: workspace.outputs(cancelling) == {"progress": b"1"})
    workspace.let_go(cancelling, "one")
    wait_until(lambda: workspace.outputs(cancelling) == {"0.mp4": b"half", "progress": b"2"})
    workspace.let_go(cancelling, "two")
    wait_until(lambda: workspace.outputs(cancelling) == {"0.mp4": b"half"})
    assert workspace.status(cancelling) == "Running"


def test_a_job_finds_earlier_outputs_and_leaves_them_as_they_are(workspace: Workspace, name: str):
    earlier = workspace.jobs_container.get_blob_client(f"{name}/work/0.mp4")
    earlier.upload_blob(b"earlier")
    before = earlier.get_blob_properties()
    workspace.run(name, "list", "write", "1.mp4", "new")
    assert "list ['0.mp4']" in workspace.log(name)
    assert workspace.outputs(name) == {"0.mp4": b"earlier", "1.mp4": b"new"}
    assert earlier.get_blob_properties().etag == before.etag


def test_a_cancelled_job_leaves_no_process(workspace: Workspace, name: str):
    workspace.submit(name, "await", "never")
    workspace.reaches(name, "Running")
    workspace.client.jobs.begin_cancel(name).result()  # until the endpoint says it is done
    assert workspace.status(name) == "Canceled"
    assert owned(workspace.folder(name)) == []


def test_a_job_waits_for_nodes_and_can_be_cancelled_while_it_does(
    workspace: Workspace, cancelling: str
):
    workspace.submit(cancelling, "await", "never")
    workspace.reaches(cancelling, "Running")
    waiting = workspace.submit(f"{cancelling}-waiting")
    assert workspace.status(waiting) == "Queued"
    workspace.client.jobs.begin_cancel(waiting).result()
    assert workspace.status(waiting) == "Canceled"


def test_a_job_is_ended_at_its_time_limit(workspace: Workspace, name: str):
    assert workspace.run(name, "await", "never", timeout=1) == "Failed"
    assert "limit of 1 s" in workspace.log(name)
    assert owned(workspace.folder(name)) == []


def test_the_same_job_again_is_the_same_job(workspace: Workspace, name: str):
    workspace.run(name, "copy", "part")
    assert workspace.submit(name, "copy", "part") == name
    assert workspace.log(name).count("Completed") == 1


def test_another_job_of_the_same_name_is_refused(workspace: Workspace, name: str):
    workspace.run(name)
    with pytest.raises(HttpResponseError, match="A job with this name already exists"):
        workspace.submit(name, "copy", "part")


def test_a_job_that_asks_for_more_nodes_than_there_are_is_refused(workspace: Workspace, name: str):
    with pytest.raises(HttpResponseError, match="9 nodes were asked for, the cluster has 1"):
        workspace.submit(name, instance_count=9)


def test_an_unknown_job_is_not_found(workspace: Workspace):
    with pytest.raises(ResourceNotFoundError, match=r"Job absent not found\."):
        workspace.status("absent")


def test_jobs_are_listed(workspace: Workspace, name: str):
    workspace.run(name)
    assert name in {job.name for job in workspace.client.jobs.list()}


def test_a_killed_endpoint_knows_its_jobs_again(
    services: Emulator, workspace: Workspace, name: str, wait_until: Callable[..., None]
):
    workspace.run(name)
    running = workspace.submit(f"{name}-running", "await", "never")
    workspace.reaches(running, "Running")
    old = services.children["azureml"].pid
    assert old is not None
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: services.children["azureml"].pid != old and _answers(workspace.config))
    assert workspace.status(name) == "Completed"
    assert workspace.status(running) == "Failed"
    assert owned(workspace.folder(running)) == []


def _answers(config: Config) -> bool:
    try:
        return httpx.get(f"{config.aml_url}/logs/absent").status_code == 404
    except httpx.TransportError:
        return False
