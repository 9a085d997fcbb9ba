"""Whose turn it is to be painted: so many at once, in the order in which they ask; so many a day.

A job that wants its turn leaves an empty blob in `jobs`, whose name begins with when it first did.
Not with when it was started: whoever took longest to be read would then push in, and be painted
beside as many as there may be. The names in order are the queue: those at its head are being
painted, and a job leaves when it ends. Nothing needs a lock, and none that died holds up the
others: the reaper gives up its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from azure.core.exceptions import ResourceNotFoundError

from function_app import paths, storage
from function_app.errors import Code, InputError
from function_app.jobs import Job
from function_app.settings import settings
from function_app.waits import Place

KEPT_DAYS = 2


def jobs_ahead(job: Job, started: str) -> int:
    """Take a place in the queue, once; return how many jobs must end before it is this job's turn.

    Args:
        job: that wants to be painted.
        started: when it first asked, ISO 8601 in UTC.

    Raises:
        InputError: as many jobs as a day may have were there before it.
    """
    place = f"{started}-{job.job_id}"
    _check_day(started.partition("T")[0], place)
    storage.write(paths.JOBS, f"{paths.TURNS}/{place}", b"", "text/plain")
    queue = [name.removeprefix(f"{paths.TURNS}/") for name in _queue()]
    return max(0, queue.index(place) + 1 - settings().jobs_at_once)


def tell(place: Place, started: str) -> None:
    """Keep with a job's place what others are to know of it; one that was given up stays so."""
    with suppress(ResourceNotFoundError):
        blob = storage.blob(paths.JOBS, f"{paths.TURNS}/{started}-{place.job_id}")
        blob.set_blob_metadata(place.to_metadata())


def places() -> list[Place]:
    """Return what was told of the jobs in the queue, in their order."""
    listing = storage.container(paths.JOBS).list_blobs(f"{paths.TURNS}/", include=["metadata"])
    return [
        Place.from_metadata(_job_id(blob.name), blob.metadata) for blob in listing if blob.metadata
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


def _job_id(name: str) -> str:
    return name.partition("Z-")[2]


def _queue() -> Iterator[str]:
    return storage.names(paths.JOBS, f"{paths.TURNS}/")
