"""A running emulator and a client of the app in it, as a user has them."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.storage.blob import BlobClient, BlobServiceClient, ContainerClient

from chaos import scene
from emulator import Config, Emulator
from function_app.api.view import ENDED
from function_app.store.jobs import job_id
from gpu_worker.styles.model import save_style
from tests.end_to_end.media import Media
from tests.function_app.clips import Clips
from tests.gpu_worker.small import SMALL, seeded

LIMIT_SECONDS = 120
PAUSE_SECONDS = 0.5
"""Between two looks at a job, each of which costs host and storage some milliseconds."""
SLOW = "slow.safetensors"
FILE_SECONDS = 1.0
"""What each file of such a job takes."""
SETTINGS = {
    **scene.SETTINGS,
    "MAX_MINUTES": "1",
    "MAX_PIXELS": str(1920 * 1080),
    "LEARN_OPTIONS": "--steps 3 --size 72 --width 8 --blocks 1",
    "MISSED_AFTER_MINUTES": "0.15",
    # These look at all that there is: where nothing is lost, seldom.
    "REAPER_SCHEDULE": "*/10 * * * * *",
    "MISSED_SCHEDULE": "*/10 * * * * *",
}


class Atelier:
    """What a user can do: upload, ask, fetch; and what an operator can see."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.config = emulator.config
        self.http = httpx.Client(
            base_url=self.config.host_url, timeout=30, headers=self.config.host_headers
        )
        self.blobs = BlobServiceClient.from_connection_string(self.config.storage)

    def container(self, name: str) -> ContainerClient:
        return self.blobs.get_container_client(name)

    def upload(self, content: bytes, name: str, style: str = "identity") -> str:
        """Put a video where the trigger sees it; return the id of its job."""
        blob = self.blobs.get_blob_client("videos", f"{style}/{name}")
        etag = str(blob.upload_blob(content, overwrite=True)["etag"])
        return job_id("videos", f"{style}/{name}", etag)

    def upload_as_told(self, content: bytes, name: str, style: str = "identity") -> str:
        """Upload as the API says; return the id of the job."""
        wish = {"filename": name, "style": style, "bytes": len(content)}
        answer = self.http.post("/api/uploads", json=wish).raise_for_status().json()
        etag = str(BlobClient.from_blob_url(answer["url"]).upload_blob(content)["etag"])
        return job_id("videos", answer["blob"], etag)

    def job(self, job_id: str) -> dict[str, Any] | None:
        answer = self.http.get(f"/api/jobs/{job_id}")
        return None if answer.status_code == 404 else answer.raise_for_status().json()

    def wait(
        self,
        job_id: str,
        until: Callable[[dict[str, Any]], bool] | None = None,
        limit: float = LIMIT_SECONDS,
    ) -> dict[str, Any]:
        """Ask until the job has ended, or until it is as wanted."""
        deadline = time.monotonic() + limit
        job: dict[str, Any] | None = None
        while time.monotonic() < deadline:
            job = self._patiently(job_id)
            if job and (until(job) if until else job["status"] in ENDED):
                return job
            if job and until and job["status"] in ENDED:
                pytest.fail(f"the job ended too early: {job}")
            time.sleep(PAUSE_SECONDS)
        pytest.fail(f"the job did not get there in time: {job}")

    def _patiently(self, job_id: str) -> dict[str, Any] | None:
        try:
            return self.job(job_id)
        except httpx.TransportError:
            return None

    def result(self, job_id: str) -> bytes:
        answer = self.http.get(f"/api/jobs/{job_id}/result", follow_redirects=True)
        return answer.raise_for_status().content

    def shards(self, job_id: str) -> dict[str, Any]:
        """The shards that are painted, each with the time when it was written."""
        blobs = self.container("jobs").list_blobs(name_starts_with=f"{job_id}/work/")
        return {blob.name: blob.last_modified for blob in blobs if blob.name.endswith(".mp4")}

    def leftovers(self, job_id: str) -> list[str]:
        return list(self.container("jobs").list_blob_names(name_starts_with=job_id))


@pytest.fixture(scope="session")
def slow_style(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A style whose jobs are slow enough to be caught in the middle, by the emulator's doing."""
    file = tmp_path_factory.mktemp("styles") / SLOW
    save_style(file, seeded(SMALL), {"painting": "none", "licence": "CC0"})
    return file.read_bytes()


@contextmanager
def running(
    state: Path, nodes: int = 1, processes_per_node: int = 1, **more: str
) -> Generator[Atelier]:
    """Run an emulator, with more settings or another cluster, while the context lasts.

    A job starts quickest on one rank.
    """
    config = replace(
        Config.on_free_ports(state, settings=SETTINGS | more),
        nodes=nodes,
        processes_per_node=processes_per_node,
        slow_inputs={SLOW: FILE_SECONDS},
    )
    with Emulator(config) as emulator:
        atelier = Atelier(emulator)
        yield atelier
        atelier.http.close()
        atelier.blobs.close()


@pytest.fixture(scope="package")
def atelier(tmp_path_factory: pytest.TempPathFactory, slow_style: bytes) -> Generator[Atelier]:
    with running(tmp_path_factory.mktemp("emulator")) as atelier:
        add_style(atelier, "slow", slow_style)
        yield atelier


def add_style(atelier: Atelier, name: str, content: bytes) -> None:
    atelier.blobs.get_blob_client("styles", f"{name}.safetensors").upload_blob(content)


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Media:
    folder = tmp_path_factory.mktemp("media")
    return Media(folder, Clips(folder))


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    return Clips(tmp_path_factory.mktemp("clips"))
