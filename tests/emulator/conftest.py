"""One emulator with the sample app, shared by all tests of the package."""

import time
import uuid
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from azure.storage.blob import BlobServiceClient

from emulator import Config, Emulator
from emulator.event_grid import events_on_their_way
from tests.emulator.workspace import CONTENT, FINAL, INPUT, Workspace

type WaitUntil = Callable[[Callable[[], object]], None]


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    state = tmp_path_factory.mktemp("emulator")
    config = Config.on_free_ports(
        state,
        app="sample_app",
        app_root=Path(__file__).parent,
        settings={
            "SAMPLE_LOG": str(state / "sample.log"),
            "SAMPLE_SCHEDULE": "*/2 * * * * *",
            "AzureWebJobsDisableHomepage": "false",
        },
    )
    return replace(config, webhook_key="-begins-as-an-option-does", slow_inputs={"slow.mp4": 0.25})


@pytest.fixture(scope="package")
def services(config: Config) -> Generator[Emulator]:
    """Start the services, and the instance `patient`, which waits for its child ever since."""
    with Emulator(config) as services:
        patient = f"{config.host_url}/api/orchestrations/parent/patient"
        httpx.post(patient, json="patient-child", headers=config.host_headers).raise_for_status()
        yield services


@pytest.fixture(scope="package")
def storage(services: Emulator) -> Generator[BlobServiceClient]:
    with BlobServiceClient.from_connection_string(services.config.storage) as storage:
        yield storage


@pytest.fixture(scope="package")
def host(services: Emulator) -> Generator[httpx.Client]:
    config = services.config
    with httpx.Client(base_url=config.host_url, timeout=30, headers=config.host_headers) as client:
        yield client


@pytest.fixture
def notes(config: Config) -> Callable[[], list[str]]:
    """Return what the sample app's functions noted so far."""
    log = Path(config.settings["SAMPLE_LOG"])

    def read() -> list[str]:
        return log.read_text().splitlines() if log.exists() else []

    return read


@pytest.fixture(scope="package")
def pending(services: Emulator) -> Callable[[], int]:
    """Return a function that counts the events on their way, and those that wait in the host."""
    return lambda: events_on_their_way(services.config)


@pytest.fixture(scope="session")
def wait_until() -> WaitUntil:
    def wait(condition: Callable[[], object]) -> None:
        """Wait until `condition` holds; fail if that takes absurdly long."""
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, "waited for a minute in vain"
            time.sleep(0.05)

    return wait


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
