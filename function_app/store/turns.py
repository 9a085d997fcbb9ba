"""Who wants to be painted: a place for each job, and what it tells the others; so many a day.

A job that wants its turn leaves an empty blob in `jobs`, whose name begins with when it first did.
What it claims of the nodes stands in the blob's metadata (`store.shares`). A job leaves when
it ends. Nothing needs a lock, and none that died holds up the others: the reaper gives up its
place.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from function_app.errors import Code, InputError
from function_app.scheduling.fairness import Claim
from function_app.settings import settings
from function_app.store import paths, storage
from function_app.store.jobs import Job

KEPT_DAYS = 2


@dataclass(frozen=True, slots=True)
class Told:
    """What a job tells the others.

    Attributes:
        claim: on nodes.
        slower: how many times as long as estimated it takes; 0 if not known.
    """

    claim: Claim
    slower: float = 0.0

    def to_metadata(self) -> dict[str, str]:
        """Return what storage can keep with a blob."""
        fields = asdict(self.claim) | {"slower": self.slower}
        return {name: str(value) for name, value in fields.items() if name != "job_id"}

    @classmethod
    def from_metadata(cls, job_id: str, kept: dict[str, str]) -> Self:
        """Read what `to_metadata` wrote."""
        claim: dict[str, Any] = {
            "asked": float(kept["asked"]),
            "since": float(kept["since"]),
            "needs": float(kept["needs"]),
            "left": float(kept["left"]),
            "most": int(kept["most"]),
            "held": int(kept["held"]),
            "works": kept["works"] == "True",
            "painted": float(kept["painted"]),
            "gave_way": int(kept["gave_way"]),
        }
        return cls(Claim(job_id, **claim), float(kept["slower"]))


def enter(job: Job, started: str) -> None:
    """Take a place, once.

    Args:
        job: that wants to be painted.
        started: when it first asked, ISO 8601 in UTC.

    Raises:
        InputError: as many jobs as a day may have were there before it.
    """
    place = paths.place(job.job_id, started)
    _check_day(started.partition("T")[0], place.removeprefix(f"{paths.TURNS}/"))
    with suppress(ResourceExistsError):
        storage.blob(paths.JOBS, place).upload_blob(b"")


def jobs_ahead(job: Job, started: str) -> int:
    """`enter`; return how many jobs must end before it is the turn of one of version 2."""
    enter(job, started)
    ahead = list(_queue()).index(paths.place(job.job_id, started))
    return max(0, ahead + 1 - settings().jobs_at_once)


def tell(told: Told, started: str) -> None:
    """Keep with a job's place what others are to know of it; one that was given up stays so."""
    _keep(paths.place(told.claim.job_id, started), told.to_metadata())


def give_back(job: Job, started: str) -> None:
    """Claim no nodes any more, but stay: what was painted is still to be joined."""
    _keep(paths.place(job.job_id, started), {})


def told(but: str) -> list[Told]:
    """Return what the jobs tell that claim nodes, but one's own, in the order of their places."""
    listing = storage.container(paths.JOBS).list_blobs(f"{paths.TURNS}/", include=["metadata"])
    # What an earlier version of the app told of a job, it tells anew at its next look.
    return [
        Told.from_metadata(_job_id(blob.name), blob.metadata)
        for blob in listing
        if "held" in (blob.metadata or {}) and _job_id(blob.name) != but
    ]


def leave(job_id: str) -> None:
    """Give a job's place in the queue up."""
    for name in _queue():
        if _job_id(name) == job_id:
            storage.delete(paths.JOBS, name)


def waiting() -> Iterator[str]:
    """Yield the ids of the jobs that have a place in the queue."""
    for name in _queue():
        yield _job_id(name)


def forget_old_days() -> None:
    """Delete the counts of days that are over."""
    oldest = f"{paths.DAYS}/{datetime.now(UTC) - timedelta(days=KEPT_DAYS):%Y-%m-%d}"
    for name in list(storage.names(paths.JOBS, f"{paths.DAYS}/")):
        if name < oldest:
            storage.delete(paths.JOBS, name)


def _check_day(day: str, place: str) -> None:
    folder = f"{paths.DAYS}/{day}/"
    storage.write(paths.JOBS, folder + place, b"", "text/plain")
    most = settings().jobs_per_day
    if list(storage.names(paths.JOBS, folder)).index(folder + place) >= most:
        raise InputError(
            f"{most} jobs were started on {day} (UTC), as many as a day may have: "
            "upload the video again tomorrow",
            Code.TOO_MANY_JOBS,
        )


def _keep(name: str, metadata: dict[str, str]) -> None:
    with suppress(ResourceNotFoundError):
        storage.blob(paths.JOBS, name).set_blob_metadata(metadata)


def _job_id(name: str) -> str:
    return name.partition("Z-")[2]


def _queue() -> Iterator[str]:
    return storage.names(paths.JOBS, f"{paths.TURNS}/")
