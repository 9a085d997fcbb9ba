"""Real Azurite for the function app, its settings, and a place for the clips of the tests."""

import importlib
import subprocess
import uuid
import warnings
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from azure.storage.blob import BlobClient, BlobServiceClient

from emulator import azurite
from emulator.config import PROJECT_ROOT, Config
from emulator.services import azureml_service
from function_app.settings import Settings, settings
from function_app.store import paths, storage
from function_app.store.jobs import Job
from tests.function_app.azureml import AzureML
from tests.function_app.clips import Clips
from tests.function_app.hub import Hub, running_hub
from tests.function_app.made_styles import style_file
from tests.function_app.ports import wait_for_port
from tests.function_app.wire import Message, Worker, durable_client


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", action="store_true", help="keep orchestrations' histories")


@pytest.fixture(scope="session", autouse=True)
def imported_azure_ml() -> None:
    """Import the client once: it warns as it is, and an activity may do so during any test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module("azure.ai.ml")


@pytest.fixture(scope="session")
def azurite_config(tmp_path_factory: pytest.TempPathFactory) -> Generator[Config]:
    """Configuration of an Azurite that runs, with the project's containers in it."""
    config = Config.on_free_ports(tmp_path_factory.mktemp("azurite"))
    with subprocess.Popen(azurite.command(config), stdout=subprocess.DEVNULL) as process:
        try:
            wait_for_port(config.blob_port)
            azurite.furnish(config)
            yield config
        finally:
            process.terminate()


@pytest.fixture(autouse=True)
def configure(
    azurite_config: Config, monkeypatch: pytest.MonkeyPatch
) -> Generator[Callable[..., None]]:
    """Set the app's settings for one test; return a way to change them by variable."""

    def change(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()

    change(**azurite_config.app_settings | {"AML_PROCESSES_PER_NODE": "1"})
    yield change
    settings.cache_clear()


@pytest.fixture(scope="module", autouse=True)
def nothing_uploaded(azurite_config: Config) -> None:
    """Begin each file of tests without uploads, and without what others declared for theirs."""
    with BlobServiceClient.from_connection_string(azurite_config.storage) as service:
        for name, prefix in ((paths.VIDEOS, ""), (paths.JOBS, f"{paths.DECLARED}/")):
            container = service.get_container_client(name)
            for blob in container.list_blob_names(name_starts_with=prefix):
                container.delete_blob(blob, delete_snapshots="include")


@pytest.fixture
def new_blob() -> Callable[[], BlobClient]:
    """Return a way to get blobs in `jobs` that do not exist yet."""

    def new() -> BlobClient:
        return storage.blob(paths.JOBS, f"test-{uuid.uuid4().hex}/blob")

    return new


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    """Clips made by ffmpeg, each once."""
    return Clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture
def upload(style: str) -> Callable[..., Job]:
    """Return a way to upload a file as a video, which gives the job that it would start."""

    def put(
        file: Path | bytes, name: str, style: str = style, metadata: dict[str, str] | None = None
    ) -> Job:
        client = storage.blob(paths.VIDEOS, f"{style}/{name}")
        content = file if isinstance(file, bytes) else file.read_bytes()
        etag = client.upload_blob(content, overwrite=True, metadata=metadata)["etag"]
        return Job.of(client.blob_name, etag)

    return put


@pytest.fixture
def style() -> str:
    """Return the name of a style that exists; its weights are nothing to the function app."""
    storage.write(paths.STYLES, paths.style("plain"), style_file(), "application/octet-stream")
    return "plain"


@pytest.fixture(scope="session")
def worker() -> Worker:
    """The Functions worker with the app, which can be indexed but once in a process."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHON_SCRIPT_FILE_NAME", "app.py")
        environment.setenv("PYTHON_ENABLE_OPENTELEMETRY", "true")
        return Worker(PROJECT_ROOT)


@pytest.fixture(scope="session")
def idle_hub() -> Generator[Hub]:
    """A task hub whose instances stay as they were scheduled."""
    with running_hub() as hub:
        yield hub


@pytest.fixture
def durable(idle_hub: Hub) -> Message:
    """The durable client binding of the idle task hub."""
    return durable_client(idle_hub.address)


@pytest.fixture(scope="session")
def azureml(azurite_config: Config) -> Generator[AzureML]:
    """An Azure Machine Learning endpoint of its own."""
    service = azureml_service(azurite_config)
    with subprocess.Popen(service.command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for_port(service.port)
            yield AzureML(azurite_config)
        finally:
            process.terminate()


@pytest.fixture
def limits() -> Settings:
    """Return the settings as they are."""
    return settings()
