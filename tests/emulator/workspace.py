"""A workspace of the emulated Azure Machine Learning, through the real client."""

import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from emulator import Config

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
