"""The index of jobs: which there are, in the order in which they were started.

A task hub keeps its instances in no order of use here, and looks through all of them for those of
a span of time. So each start adds a line to a blob of its day, and a page of jobs costs what stands
on it, however many there are. A job that is deleted is a line too:

    2026-11-28T15:49:01.123456+00:00 film-0123456789ab scream
    - film-0123456789ab

The blobs only grow, so a process reads again what is new of them alone, and the number of a job
among those of its day names it for good. The trigger and the timer may both add a job, and storage
may append again what it did not answer in time: the first line of a job counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from itertools import groupby
from threading import Lock
from time import monotonic
from urllib.parse import quote, unquote

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobClient

from function_app.store import paths, storage
from function_app.store.jobs import Job

_DELETED = "-"
_DAYS_KNOWN_SECONDS = 60
_DAYS_KEPT = 64


@dataclass(frozen=True, slots=True)
class Entry:
    """A job that was started.

    Attributes:
        day: of UTC, as YYYY-MM-DD.
        number: among those of the day, from 0.
        created: when its instance was.
        job_id: of the job.
        style: that it is painted in.
    """

    day: str
    number: int
    created: datetime
    job_id: str
    style: str


def add(job: Job, created: datetime) -> None:
    """Add a job that was just started."""
    add_all([(job, created)])


def add_all(started: Iterable[tuple[Job, datetime]]) -> None:
    """Add jobs in the order of their start."""
    for day, some in groupby(started, key=lambda each: _name(each[1])):
        _append(day, "".join(_line(job, created) for job, created in some))


def add_missing(job: Job, created: datetime) -> None:
    """Add a job that was started a while ago, unless it is there."""
    entries, _ = _day(_name(created)).read()
    if all(entry.job_id != job.job_id for entry in entries):
        add(job, created)


def remove(job_id: str) -> None:
    """Note that a job was deleted."""
    _append(_today(), f"{_DELETED} {job_id}\n")


def newest_first(day: str = "", number: int = 0) -> Iterator[Entry]:
    """Yield the jobs that there are.

    Args:
        day: with `number`, before which entry to begin; empty for the newest.
        number: of the first entry that is left out.
    """
    _, deleted = _day(_today()).read()
    for each in sorted(_days(), reverse=True):
        if day and each > day:
            continue
        entries, gone = _day(each).read()
        deleted |= gone
        for entry in reversed(entries[:number] if each == day else entries):
            if entry.job_id not in deleted:
                yield entry


def beginning() -> datetime | None:
    """Return when the first job was started that is in the index; None where none is."""
    for day in sorted(_days()):
        entries, _ = _day(day).read()
        if entries:
            return entries[0].created
    return None


def forget() -> None:
    """Forget what this process has read."""
    _day.cache_clear()
    _known_days.cache_clear()


@dataclass(slots=True)
class _Day:
    """What was read so far of the blob of a day."""

    name: str
    length: int = 0
    rest: bytes = b""
    lock: Lock = field(default_factory=Lock)
    started: list[Entry] = field(default_factory=list[Entry])
    known: set[str] = field(default_factory=set[str])
    gone: set[str] = field(default_factory=set[str])

    def read(self) -> tuple[list[Entry], set[str]]:
        """Return the jobs that were started on the day so far, and ids of those deleted on it."""
        with self.lock:
            *lines, self.rest = (self.rest + self._news()).split(b"\n")
            for line in lines:
                self._take(line.decode())
            return self.started.copy(), self.gone.copy()

    def _news(self) -> bytes:
        # One byte that is known: nothing new is no error then.
        known = max(0, self.length - 1)
        try:
            content = _blob(self.name).download_blob(known).readall()
        except ResourceNotFoundError:
            return b""
        except HttpResponseError as error:
            if error.status_code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
            return b""  # it was created, and has no line yet
        news = content[self.length - known :]
        self.length += len(news)
        return news

    def _take(self, line: str) -> None:
        first, _, rest = line.partition(" ")
        if first == _DELETED:
            self.gone.add(rest)
            return
        job_id, _, style = rest.partition(" ")
        if job_id in self.known:
            return
        self.known.add(job_id)
        number, created = len(self.started), datetime.fromisoformat(first)
        self.started.append(Entry(self.name, number, created, job_id, unquote(style)))


@lru_cache(_DAYS_KEPT)
def _day(name: str) -> _Day:
    return _Day(name)


def _days() -> set[str]:
    """Return the days that have a blob, and today, which may have one by now."""
    return _known_days(int(monotonic() // _DAYS_KNOWN_SECONDS)) | {_today()}


@lru_cache(1)
def _known_days(moment: int) -> set[str]:
    del moment  # a part of what is remembered, no more
    return {name.rpartition("/")[2] for name in storage.names(paths.JOBS, f"{paths.STARTED}/")}


def _line(job: Job, created: datetime) -> str:
    return f"{created.isoformat()} {job.job_id} {quote(job.style)}\n"


def _append(day: str, line: str) -> None:
    blob = _blob(day)
    try:
        blob.append_block(line.encode())
    except ResourceNotFoundError:
        _create(blob)
        blob.append_block(line.encode())


def _create(blob: BlobClient) -> None:
    try:
        blob.create_append_blob(match_condition=MatchConditions.IfMissing)
    except (ResourceExistsError, HttpResponseError) as error:
        if error.status_code not in (HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED):
            raise


def _blob(day: str) -> BlobClient:
    return storage.blob(paths.JOBS, f"{paths.STARTED}/{day}")


def _today() -> str:
    return _name(datetime.now(UTC))


def _name(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"
