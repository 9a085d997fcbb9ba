"""Azurite, the real storage emulator: its command line and what its account begins with."""

from pathlib import Path

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, ContainerClient, CorsRule

from emulator.config import CONTAINERS, HOST, PROJECT_ROOT, Config

EXECUTABLE = PROJECT_ROOT / "node_modules" / ".bin" / "azurite"
STYLES = PROJECT_ROOT / "styles"


def command(config: Config) -> list[str]:
    """Return the command line that serves `config`'s storage account.

    Raises:
        FileNotFoundError: Azurite is not installed.
    """
    if not EXECUTABLE.exists():
        raise FileNotFoundError("Azurite is not installed: run `npm ci` in the project's folder.")
    return [
        str(EXECUTABLE),
        *([] if config.access_log else ["--silent"]),
        "--disableTelemetry",
        "--skipApiVersionCheck",
        *("--location", str(folder(config))),
        *("--blobHost", HOST, "--blobPort", str(config.blob_port)),
        *("--queueHost", HOST, "--queuePort", str(config.queue_port)),
        *("--tableHost", HOST, "--tablePort", str(config.table_port)),
    ]


def folder(config: Config) -> Path:
    """Return where Azurite keeps its files."""
    return config.state / "azurite"


def furnish(config: Config) -> None:
    """Create the project's containers, let the page upload, bring the styles up to date."""
    service = BlobServiceClient.from_connection_string(config.storage)
    service.set_service_properties(cors=[_uploads_of_the_page(config)])
    for name in CONTAINERS:
        container = service.get_container_client(name)
        if not container.exists():
            container.create_container()
    styles = service.get_container_client("styles")
    for file in sorted(STYLES.glob("*.safetensors")):
        _bring_up_to_date(styles, file)


def _uploads_of_the_page(config: Config) -> CorsRule:
    """Allow a browser what the templates for Azure allow it."""
    return CorsRule(
        allowed_origins=[config.host_url, f"http://localhost:{config.port}"],
        allowed_methods=["PUT", "OPTIONS"],
        allowed_headers=["content-type", "if-match", "if-none-match", "x-ms-*"],
        exposed_headers=["etag"],
        max_age_in_seconds=3600,
    )


def _bring_up_to_date(container: ContainerClient, file: Path) -> None:
    """Upload `file` unless the container has the same bytes under its name."""
    content = file.read_bytes()
    try:
        if container.download_blob(file.name).readall() == content:
            return
    except ResourceNotFoundError:
        pass  # a style that is new
    container.upload_blob(file.name, content, overwrite=True)
