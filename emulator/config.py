"""Where the emulator's services listen, where they keep their state, and what they serve."""

import os
import random
import secrets
import socket
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

CORE_TOOLS, HOST_KEY = "EMULATOR_CORE_TOOLS", "EMULATOR_HOST_KEY"
PROJECT_ROOT = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
PORTS = range(10_240, 32_768)
"""From above those of known services to below those that Linux lends (macOS from 49152 on)."""

# Azurite's published development account: the same on every machine, no secret.
# https://learn.microsoft.com/azure/storage/common/storage-use-azurite
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

CONTAINERS = ("videos", "styles", "results", "jobs", "spend")
"""The blob containers of the project; Azure ML's datastores have the same names."""


@dataclass(frozen=True, slots=True)
class Config:
    """What one emulator is made of.

    Attributes:
        state: Folder for everything that outlives a restart: blobs, task hub, jobs, logs.
        blob_port: Port of Azurite's blob service.
        queue_port: Port of Azurite's queue service.
        table_port: Port of Azurite's table service.
        front_port: Port by which the others reach the blob service, where a proxy stands before it.
        aml_port: Port of the Azure Machine Learning endpoint.
        port: Port of the Functions host.
        event_grid_port: Port of Event Grid.
        app: Name of the module that exposes the function app.
        app_root: Folder of that module and of its host.json.
        core_tools: Run `func start` in place of the emulator's own Functions host; the environment
            variable EMULATOR_CORE_TOOLS says so for whatever is run.
        host_key: Key of the Functions host, where it asks for one: EMULATOR_HOST_KEY.
        nodes: Nodes of the compute cluster, which bounds what runs at once.
        processes_per_node: MPI processes on each node, which stand for its GPUs.
        slow_inputs: By the name of an input, the seconds that each file takes which a job of it
            creates in its outputs: such a job is caught in the middle at no cost.
        settings: Further settings of the function app; they win over the emulator's own.
        access_log: Azurite writes every request to its log.
        webhook_key: By which Event Grid is known to the Functions host; another each time.
    """

    state: Path = PROJECT_ROOT / ".emulator"
    blob_port: int = 10000
    queue_port: int = 10001
    table_port: int = 10002
    front_port: int | None = None
    aml_port: int = 7072
    port: int = 7071
    event_grid_port: int = 7073
    app: str = "app"
    app_root: Path = PROJECT_ROOT
    core_tools: bool = field(default_factory=lambda: bool(os.environ.get(CORE_TOOLS)))
    host_key: str = field(default_factory=lambda: os.environ.get(HOST_KEY, ""), repr=False)
    nodes: int = 1
    processes_per_node: int = field(default_factory=lambda: os.cpu_count() or 1)
    slow_inputs: Mapping[str, float] = field(default_factory=dict[str, float])
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    access_log: bool = False
    webhook_key: str = field(default_factory=secrets.token_hex, repr=False)

    @classmethod
    def on_free_ports(
        cls,
        state: Path,
        *,
        app: str = "app",
        app_root: Path = PROJECT_ROOT,
        settings: Mapping[str, str] | None = None,
    ) -> Self:
        """Return a configuration that can run beside any other on this machine."""
        blob, queue, table, aml, host, event_grid = free_ports(6)
        return cls(
            state=state,
            blob_port=blob,
            queue_port=queue,
            table_port=table,
            aml_port=aml,
            port=host,
            event_grid_port=event_grid,
            app=app,
            app_root=app_root,
            settings=settings or {},
        )

    @property
    def host_url(self) -> str:
        """Base URL of the Functions host."""
        return f"http://{HOST}:{self.port}"

    @property
    def host_headers(self) -> dict[str, str]:
        """Headers that every request to the Functions host needs."""
        return {"x-functions-key": self.host_key} if self.host_key else {}

    @property
    def aml_url(self) -> str:
        """Base URL of the Azure Machine Learning endpoint, its resource manager."""
        return f"http://{HOST}:{self.aml_port}"

    @property
    def event_grid_url(self) -> str:
        """Base URL of Event Grid."""
        return f"http://{HOST}:{self.event_grid_port}"

    @property
    def blob_url(self) -> str:
        """URL of the storage account's blob service."""
        return f"http://{HOST}:{self.front_port or self.blob_port}/{ACCOUNT}"

    @property
    def storage(self) -> str:
        """Connection string of the storage account."""
        return ";".join(
            (
                "DefaultEndpointsProtocol=http",
                f"AccountName={ACCOUNT}",
                f"AccountKey={ACCOUNT_KEY}",
                f"BlobEndpoint={self.blob_url}",
                f"QueueEndpoint=http://{HOST}:{self.queue_port}/{ACCOUNT}",
                f"TableEndpoint=http://{HOST}:{self.table_port}/{ACCOUNT}",
            )
        )

    @property
    def app_settings(self) -> dict[str, str]:
        """Environment of the function app, as Azure would set it from its app settings."""
        return {
            "FUNCTIONS_WORKER_RUNTIME": "python",
            "PYTHON_SCRIPT_FILE_NAME": f"{self.app}.py",
            "AzureWebJobsStorage": self.storage,
            "DATA": self.storage,
            "JOBS": self.storage,
            "AzureWebJobsDisableHomepage": "true",
            "BLOB_TRIGGER_SOURCE": "EventGrid",
            # azure-ai-ml leaves the name of its last cloud in the environment of its process, and
            # so to every emulator that is started from there; no other process knows that cloud.
            "AZUREML_CURRENT_CLOUD": "AzureCloud",
            "AML_SUBSCRIPTION_ID": "00000000-0000-0000-0000-000000000000",
            "AML_RESOURCE_GROUP": "local",
            "AML_WORKSPACE": "local",
            "AML_COMPUTE": "cluster",
            "AML_ENVIRONMENT": "gpu-worker:1",
            "AML_ENDPOINT": self.aml_url,
            "AML_NODES_MAX": str(self.nodes),
            "AML_PROCESSES_PER_NODE": str(self.processes_per_node),
            "POLL_SECONDS": "2",
            "RESTART_SECONDS": "5",
            **self.settings,
        }


def free_ports(count: int) -> list[int]:
    """Return `count` different TCP ports that nothing listens on.

    None that the system lends to outgoing connections: one of them could take the port before the
    service does that it is meant for.
    """
    with ExitStack() as held:
        found: list[int] = []
        for port in random.sample(PORTS, len(PORTS)):
            if len(found) == count:
                break
            with suppress(OSError):
                held.enter_context(socket.create_server((HOST, port)))
                found.append(port)
        return found
