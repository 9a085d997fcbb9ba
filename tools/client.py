"""A client of the HTTP API: upload a video, follow its job, fetch the result."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
from azure.storage.blob import BlobClient

POLL_S = 0.5
START_S = 120.0
"""Seconds in which an upload must have started its job."""

ENDED = {"Completed", "Failed", "Cancelled"}


class ApiError(Exception):
    """The API refused a request; the message is its own sentence."""


@dataclass(frozen=True, slots=True)
class Job:
    """How a job stands.

    Attributes:
        id: of the job.
        status: Pending, Running, Completed, Failed or Cancelled.
        stage: what is being done: preprocess, queue, score, stitch, done, failed or cancelled.
        done: frames painted.
        total: frames of the video; 0 before they are counted.
        fps: frames painted a second at present; None when nothing is.
        eta_s: seconds of painting left; None when that cannot be told.
        message: one sentence for people.
        notes: what the result cannot keep, each a sentence.
    """

    id: str
    status: str
    stage: str
    done: int
    total: int
    fps: float | None
    eta_s: float | None
    message: str
    notes: tuple[str, ...]

    @classmethod
    def read(cls, fields: dict[str, Any]) -> Self:
        """Read the JSON of the API; what an early job does not say yet is empty."""
        error: dict[str, str] | None = fields.get("error")
        frames = fields.get("frames") or {"done": 0, "total": 0}
        return cls(
            id=fields["id"],
            status=fields["status"],
            stage=fields["stage"],
            done=frames["done"],
            total=frames["total"],
            fps=fields.get("fps"),
            eta_s=fields.get("eta_s"),
            message=error["detail"] if error else fields.get("message", ""),
            notes=tuple(fields.get("notes") or ()),
        )

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in ENDED


class Client:
    """Talks to one function app.

    Args:
        session: HTTP session whose base URL is the app's.

    Every method raises ApiError where the API refuses, httpx.HTTPError where it does not answer.
    """

    def __init__(self, session: httpx.Client) -> None:
        """Keep the session."""
        self._session = session

    def upload(self, video: Path, style: str) -> str:
        """Upload a video to be painted in a style.

        Args:
            video: file to upload.
            style: name of a style.

        Returns:
            Name of the blob in the container `videos`.
        """
        order = {"filename": video.name, "style": style, "bytes": video.stat().st_size}
        place = _json(self._session.post("/api/uploads", json=order))
        with video.open("rb") as content:
            blob = BlobClient.from_blob_url(place["url"])
            blob.upload_blob(content, overwrite=True, headers=place["headers"])
        return place["blob"]

    def find(self, blob: str) -> Job:
        """Wait for the job that an upload starts.

        Raises:
            TimeoutError: the blob trigger started none.
        """
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            answer = self._session.get("/api/jobs", params={"video": blob, "top": "1"})
            if jobs := _json(answer)["jobs"]:
                return Job.read(jobs[0])
            time.sleep(POLL_S)
        raise TimeoutError(f"no job has started for {blob} within {START_S:.0f} s")

    def follow(self, job_id: str) -> Iterator[Job]:
        """Yield how a job stands, again and again, until it has ended."""
        while True:
            job = Job.read(_json(self._session.get(f"/api/jobs/{job_id}")))
            yield job
            if job.has_ended:
                return
            time.sleep(POLL_S)

    def cancel(self, job_id: str) -> None:
        """Ask for the end of a job."""
        _json(self._session.post(f"/api/jobs/{job_id}/cancel"))

    def fetch(self, job_id: str, file: Path) -> None:
        """Write the painted video to a file; it appears under its name once it is whole."""
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"{file.name}.part")
        url = f"/api/jobs/{job_id}/result"
        with self._session.stream("GET", url, follow_redirects=True) as answer:
            answer.raise_for_status()
            with part.open("wb") as content:
                for chunk in answer.iter_bytes():
                    content.write(chunk)
        part.replace(file)


def _json(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_client_error:
        raise ApiError(_reason(answer))
    return answer.raise_for_status().json()


def _reason(answer: httpx.Response) -> str:
    try:
        return answer.json()["detail"]
    except (ValueError, KeyError):
        return f"{answer.request.url} answered {answer.status_code} {answer.reason_phrase}"
