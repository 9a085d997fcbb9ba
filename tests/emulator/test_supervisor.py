"""The services as processes: what stops them from starting, and that none outlives them."""

import dataclasses
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.storage.blob import BlobServiceClient

from emulator import Config, Emulator, EmulatorError, azurite
from emulator.config import CONTAINERS, CORE_TOOLS, HOST, HOST_KEY, PROJECT_ROOT
from emulator.processes import end, owned

SAMPLE: dict[str, Any] = {"app": "sample_app", "app_root": Path(__file__).parent}
WORKSPACE = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
)

type WaitUntil = Callable[[Callable[[], object]], None]


def test_the_storage_account_has_its_containers(storage: BlobServiceClient):
    assert set(CONTAINERS) <= {container.name for container in storage.list_containers()}


def test_styles_are_seeded_and_brought_up_to_date(
    services: Emulator, storage: BlobServiceClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(azurite, "STYLES", tmp_path)
    style, blob = tmp_path / "new.safetensors", storage.get_blob_client("styles", "new.safetensors")
    style.write_bytes(b"first")
    azurite.furnish(services.config)
    first = blob.get_blob_properties().etag
    azurite.furnish(services.config)
    assert blob.get_blob_properties().etag == first
    style.write_bytes(b"second")
    azurite.furnish(services.config)
    assert blob.download_blob().readall() == b"second"


@pytest.mark.parametrize(("origin", "status"), [(None, 200), ("http://elsewhere.test", 403)])
def test_the_page_may_upload_and_no_other_site(services: Emulator, origin: str | None, status: int):
    asked = {
        "Origin": origin or services.config.host_url,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "if-match,if-none-match,x-ms-meta-strength",
    }
    answer = httpx.options(f"{services.config.blob_url}/videos/a/b.mp4", headers=asked)
    assert answer.status_code == status


def test_a_second_emulator_on_the_same_state_is_refused(services: Emulator):
    with pytest.raises(EmulatorError, match=r"runs on .* already"), Emulator(services.config):
        pytest.fail("it started")


def test_a_port_in_use_is_named(tmp_path: Path):
    config = Config.on_free_ports(tmp_path)
    with (
        socket.create_server((HOST, config.blob_port)),
        pytest.raises(EmulatorError, match=f"Port {config.blob_port} for azurite is in use"),
        Emulator(config),
    ):
        pytest.fail("it started")
    assert owned(tmp_path) == []


def test_a_service_that_cannot_start_points_to_its_log_and_ends_the_others(tmp_path: Path):
    config = Config.on_free_ports(tmp_path, app="absent_app")
    with pytest.raises(EmulatorError, match=r"functions did not start: .*functions\.log"):
        Emulator(config).__enter__()
    assert "absent_app" in (tmp_path / "logs" / "functions.log").read_text()
    assert owned(tmp_path) == []


def test_core_tools_that_are_missing_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    config = dataclasses.replace(Config.on_free_ports(tmp_path / "state"), core_tools=True)
    with pytest.raises(EmulatorError, match="no func on PATH: install Azure Functions Core Tools"):
        Emulator(config).__enter__()


def test_core_tools_serve_the_app_in_place_of_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_until: WaitUntil
):
    """The emulator's own host stands for `func start --port PORT`, and asks for a key."""
    host = [
        *(sys.executable, "-m", "emulator.host", "--app", "sample_app", "--root", "."),
        *("--journal", str(tmp_path / "hub"), "--key", "the key", "--port", "$3"),
    ]
    func = tmp_path / "func"
    func.write_text(f"#!/bin/sh\nexec {' '.join(f'"{word}"' for word in host)}\n")
    func.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(PROJECT_ROOT))
    monkeypatch.setenv(CORE_TOOLS, "yes")
    monkeypatch.setenv(HOST_KEY, "the key")
    notes = tmp_path / "notes"
    settings = {"SAMPLE_LOG": str(notes), "SAMPLE_SCHEDULE": "0 0 0 1 1 *"}
    config = Config.on_free_ports(tmp_path / "state", **SAMPLE, settings=settings)
    with Emulator(config), BlobServiceClient.from_connection_string(config.storage) as storage:
        storage.get_blob_client("videos", "f/a.mp4").upload_blob(b"video")
        wait_until(lambda: notes.exists() and "arrived f/a.mp4" in notes.read_text())


def test_nothing_outlives_the_emulator_and_what_dies_in_it_comes_back(
    tmp_path: Path, wait_until: WaitUntil, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    settings = {"SAMPLE_LOG": str(tmp_path / "log"), "SAMPLE_SCHEDULE": "0 0 0 1 1 *"}
    config = Config.on_free_ports(tmp_path / "state", **SAMPLE, settings=settings)
    with Emulator(config) as services:
        assert f"functions: {config.host_url}" in caplog.messages
        old = services.children["azurite"].pid
        assert old is not None
        os.kill(old, signal.SIGKILL)
        wait_until(lambda: services.children["azurite"].pid != old)
        assert "azurite ended with exit status -9; starting it again." in caplog.messages
        job = f"{config.aml_url}{WORKSPACE}/jobs/sleeper"
        httpx.put(job, json={"properties": {"command": "sleep 1000"}}).raise_for_status()
        wait_until(lambda: httpx.get(job).json()["properties"]["status"] == "Running")
        assert owned(config.state / "jobs" / "sleeper")
    assert owned(config.state) == []


@pytest.fixture
def app_config(tmp_path: Path) -> Config:
    """Return a configuration that serves the project's own app."""
    return Config.on_free_ports(tmp_path)


@pytest.fixture
def run(app_config: Config) -> Generator[Callable[[], subprocess.Popen[str]]]:
    """Return a function that runs `python -m emulator` until all services answer."""
    names = (
        *("state", "port", "aml_port", "blob_port", "queue_port", "table_port"),
        "event_grid_port",
    )
    options = [f"--{name.replace('_', '-')}={getattr(app_config, name)}" for name in names]
    with ExitStack() as running:
        running.callback(end, app_config.state, grace_s=5)

        def run_it() -> subprocess.Popen[str]:
            process = running.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "emulator", *options],
                    cwd=PROJECT_ROOT,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            running.callback(process.kill)
            return process

        yield run_it


def lines_until_ready(process: subprocess.Popen[str]) -> list[str]:
    """Return what the emulator says until all of it runs; to no terminal it speaks JSON."""
    assert process.stderr is not None
    lines: list[str] = []
    while not lines or not lines[-1].startswith("Open "):
        line = process.stderr.readline()
        assert line, f"it ended: {lines}"
        lines.append(json.loads(line)["message"])
    return lines


def test_the_command_line_names_the_services_and_ends_them(
    run: Callable[[], subprocess.Popen[str]], app_config: Config
):
    process = run()
    lines = lines_until_ready(process)
    assert lines[-1] == f"Open {app_config.host_url} in a browser."
    assert lines[:3] == [
        f"azurite: http://{HOST}:{app_config.blob_port}",
        f"azureml: {app_config.aml_url}",
        f"functions: {app_config.host_url}",
    ]
    process.terminate()
    assert process.wait() == 0
    assert owned(app_config.state) == []


def test_what_a_killed_emulator_left_is_ended_by_the_next(
    run: Callable[[], subprocess.Popen[str]], app_config: Config
):
    killed = run()
    lines_until_ready(killed)
    killed.kill()
    killed.wait()
    left = {process.pid for process in owned(app_config.state)}
    assert left
    following = run()
    lines_until_ready(following)
    assert left.isdisjoint(process.pid for process in owned(app_config.state))
    following.send_signal(signal.SIGINT)
    assert following.wait() == 0
    assert owned(app_config.state) == []
