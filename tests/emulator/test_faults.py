"""The endpoint's faults, each as the real client sees it."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from azure.core.exceptions import HttpResponseError

from tests.emulator.workspace import FINAL, Workspace
from tests.function_app.azureml import ignores_azure_ml

pytestmark = ignores_azure_ml


@pytest.fixture
def ask(workspace: Workspace) -> Callable[..., httpx.Response]:
    """Ask the endpoint for a fault."""

    def post(path: str, **order: Any) -> httpx.Response:
        return httpx.post(f"{workspace.config.aml_url}/faults/{path}", json=order)

    return post


def test_nodes_taken_away_restart_the_run_which_finds_what_it_wrote(
    workspace: Workspace, cancelling: str, ask: Callable[..., httpx.Response], wait_until: Any
):
    workspace.submit(cancelling, "list", "write", "0.mp4", "first", "await", "end")
    wait_until(lambda: workspace.outputs(cancelling) == {"0.mp4": b"first"})
    assert ask(f"jobs/{cancelling}/restart").status_code == 204
    wait_until(lambda: "list ['0.mp4']" in workspace.log(cancelling))
    workspace.let_go(cancelling, "end")
    assert workspace.reaches(cancelling, *FINAL) == "Completed"


def test_nodes_taken_away_fail_the_run(
    workspace: Workspace, cancelling: str, ask: Callable[..., httpx.Response]
):
    workspace.submit(cancelling, "await", "never")
    workspace.reaches(cancelling, "Running")
    ask(f"jobs/{cancelling}/preempt").raise_for_status()
    assert workspace.reaches(cancelling, *FINAL) == "Failed"
    assert "PreemptionError" in workspace.log(cancelling)


def test_a_silent_job_goes_on_and_may_respond_again(
    workspace: Workspace, cancelling: str, ask: Callable[..., httpx.Response]
):
    workspace.submit(cancelling, "await", "end")
    workspace.reaches(cancelling, "Running")
    ask(f"jobs/{cancelling}/silence").raise_for_status()
    assert workspace.status(cancelling) == "NotResponding"
    ask(f"jobs/{cancelling}/speak").raise_for_status()
    assert workspace.status(cancelling) == "Running"
    ask(f"jobs/{cancelling}/silence").raise_for_status()
    workspace.let_go(cancelling, "end")
    assert workspace.reaches(cancelling, *FINAL) == "Completed"


def test_requests_of_a_method_are_refused_as_often_as_asked(
    workspace: Workspace, cancelling: str, ask: Callable[..., httpx.Response]
):
    workspace.submit(cancelling, "await", "never")
    ask("answers", method="POST", status=409)
    assert workspace.reaches(cancelling, "Running") == "Running"
    with pytest.raises(HttpResponseError, match="Refused, as was asked for"):
        workspace.client.jobs.begin_cancel(cancelling)
    assert workspace.status(cancelling) == "Running"


def test_an_unknown_fault_or_job_is_refused(name: str, ask: Callable[..., httpx.Response]):
    assert ask(f"jobs/{name}/restart").status_code == 404
    assert "restart, preempt, lose, silence, speak" in ask(f"jobs/{name}/explode").text
