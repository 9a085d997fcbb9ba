"""The Azure ML endpoint, through the real azure-ai-ml client and real MPI processes."""

import os
import signal
from collections.abc import Callable

import httpx
import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from emulator import Config, Emulator
from emulator.processes import owned
from tests.emulator.workspace import CONTENT, FINAL, Workspace
from tests.function_app.azureml import ignores_azure_ml

pytestmark = ignores_azure_ml


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


def test_a_log_can_be_read_while_it_grows(workspace: Workspace, cancelling: str):
    workspace.submit(cancelling, "chatter", "end")
    workspace.reaches(cancelling, "Running")
    sizes = [len(workspace.log(cancelling)) for _ in range(20)]
    assert sizes == sorted(sizes)
    assert sizes[-1] > sizes[0]


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
        *("write", "0.mp4", "whole", "write", "progress", "1", "await", "one"),
        *("write", "progress", "2", "await", "two"),
        *("remove", "progress", "await", "never"),
    )
    wait_until(lambda: workspace.outputs(cancelling) == {"0.mp4": b"whole", "progress": b"1"})
    workspace.let_go(cancelling, "one")
    wait_until(lambda: workspace.outputs(cancelling) == {"0.mp4": b"whole", "progress": b"2"})
    workspace.let_go(cancelling, "two")
    wait_until(lambda: workspace.outputs(cancelling) == {"0.mp4": b"whole"})
    assert workspace.status(cancelling) == "Running"


def test_the_mount_neither_renames_nor_appends(workspace: Workspace, name: str):
    words = ("write", "a", "text", "rename", "a", "b", "append", "a", "more")
    assert workspace.run(name, *words) == "Completed"
    assert workspace.outputs(name) == {"a": b"text"}
    log = workspace.log(name)
    assert "refused Azure ML's mount does not do os.rename" in log
    assert "refused Azure ML's mount does not append" in log


def test_a_job_of_a_slow_input_has_a_slow_mount(
    workspace: Workspace, storage: BlobServiceClient, name: str
):
    from azure.ai.ml import Input

    storage.get_blob_client("videos", "slow.mp4").upload_blob(CONTENT, overwrite=True)
    slow = Input(type="uri_file", path="azureml://datastores/videos/paths/slow.mp4")
    words = ("env", "EMULATOR_FILE_SECONDS", "write", "a", "text")
    assert workspace.run(name, *words, inputs={"video": slow}) == "Completed"
    assert "EMULATOR_FILE_SECONDS=0.25" in workspace.log(name)
    assert workspace.outputs(name) == {"a": b"text"}
    assert workspace.run(usual := name.replace("-a1", "-a2"), *words) == "Completed"
    assert "EMULATOR_FILE_SECONDS=0.0" in workspace.log(usual)


def test_a_node_that_is_lost_before_its_flush_loses_what_it_wrote(
    workspace: Workspace, cancelling: str, wait_until: Callable[..., None]
):
    words = ("write", "early", "seen", "await", "one", "copy", "late")
    workspace.submit(cancelling, *words)
    wait_until(lambda: workspace.outputs(cancelling) == {"early": b"seen"})
    httpx.post(f"{workspace.config.aml_url}/faults/jobs/{cancelling}/lose").raise_for_status()
    workspace.let_go(cancelling, "one")
    assert workspace.reaches(cancelling, *FINAL) == "Failed"
    assert workspace.outputs(cancelling) == {"early": b"seen"}
    assert "PreemptionError" in workspace.log(cancelling)


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
