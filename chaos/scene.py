"""The scene: an emulator behind the proxy, and what can be done and seen there."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import httpx
import psutil
from azure.storage.blob import BlobServiceClient, ExponentialRetry

from chaos.clock import Clock
from chaos.proxy import Proxy
from emulator import Config, Emulator, processes
from emulator.config import free_ports
from emulator.event_grid import events_on_their_way
from function_app.api.listing import MOST_TOP
from function_app.api.view import ENDED
from function_app.store.jobs import job_id

EVENTS_S = 60.0
_STORAGE = "AzureFunctionsJobHost__extensions__durableTask__storageProvider__"
SETTINGS = {
    "POLL_SECONDS": "1",
    # By these measures a clip of two seconds takes long enough to make way for another.
    "RESTART_SECONDS": "0.1",
    "MEGAPIXELS_PER_SECOND": "0.01",
    # A job of a second or two would spend half of its time on them.
    "SWATCHES": "0",
    "REAPER_SCHEDULE": "*/2 * * * * *",
    # An upload whose event was lost waits for five minutes otherwise.
    "MISSED_AFTER_MINUTES": "0.1",
    "MISSED_SCHEDULE": "*/2 * * * * *",
    # What a killed host held stays hidden for a minute otherwise.
    f"{_STORAGE}controlQueueVisibilityTimeout": "00:00:03",
    f"{_STORAGE}workItemQueueVisibilityTimeout": "00:00:03",
}
WORKSPACE = (
    "/subscriptions/any/resourceGroups/any"
    "/providers/Microsoft.MachineLearningServices/workspaces/any"
)
RANK, MPIEXEC, CHILD = "gpu_worker.score", "mpiexec", "function_app.stages.isolation"


class Scene:
    """What strikes, and what the oracle looks at.

    Attributes:
        emulator: with all services.
        proxy: before its storage and its Azure Machine Learning endpoint.
        clock: of its host.
        patience: how many times as long as on an idle machine everything may take.
        blobs: the storage itself, past the proxy.
    """

    def __init__(self, emulator: Emulator, proxy: Proxy, clock: Clock, patience: float = 1) -> None:
        """Open clients."""
        self.emulator, self.proxy, self.clock = emulator, proxy, clock
        self.patience = patience
        config = replace(emulator.config, front_port=None)
        retry = ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=5)
        self.blobs = BlobServiceClient.from_connection_string(config.storage, retry_policy=retry)
        self.host = httpx.Client(base_url=config.host_url, timeout=20, headers=config.host_headers)
        self.azureml = httpx.Client(base_url=config.aml_url, timeout=20)
        self.event_grid = httpx.Client(base_url=config.event_grid_url, timeout=20)

    @classmethod
    @contextmanager
    def set_up(
        cls,
        state: Path,
        settings: Mapping[str, str] = SETTINGS,
        *,
        own_clock: bool = True,
        patience: float = 1,
        **cluster: int,
    ) -> Generator[Self]:
        """Start everything, and end it all at the end of the context.

        Args:
            state: folder of the emulator.
            settings: of the app.
            own_clock: the host has a clock that can be set, which makes it half as fast.
            patience: see `Scene`.
            cluster: `nodes` and `processes_per_node`, where they are not the usual.
        """
        config = replace(Config.on_free_ports(state), **cluster)
        (front,) = free_ports(1)
        proxy = Proxy(front, f"http://127.0.0.1:{config.blob_port}", config.aml_url)
        state.mkdir(parents=True, exist_ok=True)
        clock = Clock(state / "clock")
        # What Core Tools run on does not start with a clock of its own.
        has_clock = own_clock and not config.core_tools
        of_host = clock.environment if has_clock else dict[str, str]()
        own = {"AML_ENDPOINT": f"http://127.0.0.1:{front}", **of_host}
        behind = replace(config, front_port=front, settings={**settings, **own})
        with proxy.running(), Emulator(behind) as emulator:
            scene = cls(emulator, proxy, clock, patience)
            try:
                yield scene
            finally:
                for client in (scene.host, scene.azureml, scene.event_grid, scene.blobs):
                    client.close()

    def upload(self, name: str, content: bytes) -> str:
        """Upload a video; return the id of its job."""
        blob = self.blobs.get_blob_client("videos", name)
        return job_id("videos", name, str(blob.upload_blob(content, overwrite=True)["etag"]))

    def job(self, name: str) -> dict[str, Any] | None:
        """Return a job's JSON; None while there is none or nobody answers."""
        try:
            answer = self.host.get(f"/api/jobs/{name}")
        except httpx.TransportError:
            return None
        return answer.json() if answer.is_success else None

    def wait(self, name: str, limit_s: float) -> dict[str, Any] | None:
        """Return a job's JSON once it has ended; what it was last where it does not in time."""
        deadline, job = time.monotonic() + limit_s * self.patience, None
        while time.monotonic() < deadline:
            job = self.job(name) or job
            if job and job["status"] in ENDED:
                break
            time.sleep(0.2)
        return job

    def wait_for_others(self, video: str, limit_s: float) -> None:
        """Wait until every job of a video has ended, also one of a later upload."""
        deadline = time.monotonic() + limit_s * self.patience
        while time.monotonic() < deadline:
            try:
                answer = self.host.get("/api/jobs", params={"video": video})
            except httpx.TransportError:
                continue
            if answer.is_success and {each["status"] for each in answer.json()["jobs"]} <= ENDED:
                return
            time.sleep(0.2)

    def listed(self) -> list[str]:
        """Return the ids in the list of jobs, of which a scene has less than a page holds."""
        answer = self.host.get("/api/jobs", params={"top": MOST_TOP}).raise_for_status()
        return [job["id"] for job in answer.json()["jobs"]]

    def wait_for_events(self) -> None:
        """Wait until the triggers have dealt with every event that there is."""
        deadline = time.monotonic() + EVENTS_S
        while time.monotonic() < deadline:
            with suppress(httpx.HTTPError):
                if not events_on_their_way(self.emulator.config):
                    return
            time.sleep(0.2)

    def read(self, container: str, name: str) -> bytes | None:
        """Return a blob's content, or None."""
        blob = self.blobs.get_blob_client(container, name)
        return blob.download_blob().readall() if blob.exists() else None

    def names(self, container: str, prefix: str = "") -> list[str]:
        """Return the names of the blobs below a prefix."""
        found = self.blobs.get_container_client(container).list_blob_names(name_starts_with=prefix)
        return list(found)

    def runs(self, job: str = "") -> list[tuple[str, str]]:
        """Return name and state of the runs in Azure Machine Learning, of one job or of all."""
        runs = self.azureml.get(f"{WORKSPACE}/jobs").raise_for_status().json()["value"]
        return [
            (run["name"], run["properties"]["status"])
            for run in runs
            if run["name"].startswith(job)
        ]

    def processes(self, word: str) -> list[psutil.Process]:
        """Return the emulator's processes whose command line has a word."""
        found: list[psutil.Process] = []
        for process in processes.owned(self.emulator.config.state):
            try:
                if any(word in part for part in process.cmdline()[:4]):
                    found.append(process)
            except psutil.Error:
                continue
        return found
