"""Several videos at once: uploaded a few at a time, followed together, each fetched when done."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli import names
from cli.board import Board, Line
from cli.client import Client, Fields, Job
from cli.display import STAGES
from cli.errors import CommandError, NotPaintedError, UnreachableError
from cli.patience import Stopped
from cli.transfer import Progress, Stamp, download, md5_of, upload

AT_ONCE = 4
"""Files on their way at the same time; each has several blocks on its way."""

POLL_S = 0.5
MOST_POLLS_PER_S = 20
START_S = 120.0
"""Seconds in which an upload must have started its job."""

MOST_JOBS = 1000
"""Jobs of one video that are told apart from the one that an upload starts."""

GOING_ON = "Pending,Running,Suspended"


@dataclass(slots=True)
class Work:
    """One video and what has become of it.

    Attributes:
        out: file for the painted video, from its fetching on the one that holds it; None to fetch
            nothing.
        file: to upload; None where its job is there already.
        job: how it stands; None before it has started.
        error: why it ended early.
        asked: id by which the user asked for it; empty where it is a file.
    """

    out: Path | None
    file: Path | None = None
    job: Job | None = None
    error: CommandError | None = None
    asked: str = ""

    @property
    def name(self) -> str:
        """What people call it."""
        if self.file:
            return names.shown(self.file)
        return self.job.name if self.job else self.asked

    @property
    def goes_by_another_name(self) -> bool:
        """Whether its result is called otherwise than its file alone would have it."""
        if not (self.file and self.job and self.out):
            return False
        return self.out.stem != Path(names.painted(self.file.stem, self.job.style)).stem

    @property
    def is_well(self) -> bool:
        """Whether it has ended as wanted."""
        return self.error is None and self.job is not None and self.job.status == "Completed"

    @property
    def failure(self) -> CommandError | None:
        """Why it has not ended as wanted; None while it has not ended, and where it has."""
        if self.error or self.job is None or self.is_well or not self.job.has_ended:
            return self.error
        return NotPaintedError(self.job.message, self.job.code)

    def to_dict(self) -> dict[str, Any]:
        """Return what a program wants to know of it."""
        return {
            "file": names.printable(self.file) if self.file else None,
            "id": self.job.id if self.job else self.asked or None,
            "status": self.job.status if self.job else None,
            "path": str(self.out) if self.out and self.is_well else None,
            "code": self.failure.code if self.failure else None,
            "error": str(self.failure) if self.failure else None,
        }


class Studio:
    """Brings works to their ends, each in a thread of its own.

    Args:
        client: of the deployment.
        board: where people see how the works stand.
        overwrite: results take the place of files that have their names already.
    """

    def __init__(self, client: Client, board: Board, *, overwrite: bool = False) -> None:
        """Keep them."""
        self._client = client
        self._board = board
        self._overwrite = overwrite
        self._patience = client.patience
        self._lanes = threading.Semaphore(AT_ONCE)
        self._looking = threading.Lock()
        self._looked = 0.0
        self._going_on: dict[str, Job] = {}
        self._follows_many = False
        self._pause_s = POLL_S

    def upload(self, works: Sequence[Work], order: Fields) -> Iterator[Work]:
        """Upload videos; yield each work as its job has started.

        Args:
            works: with a file each.
            order: style and options, as the API takes them.
        """

        def bring(work: Work, line: Line) -> None:
            self._start(work, line, order)
            has_ended = work.job is not None and work.job.has_ended
            line.ends("Painted before" if has_ended else "Started")

        return self._each(works, bring)

    def restyle(self, works: Sequence[Work], order: Fields) -> Iterator[Work]:
        """Upload videos, follow their jobs, fetch the results; yield each work as it ends."""

        def bring(work: Work, line: Line) -> None:
            self._start(work, line, order)
            self._follow(work, line)

        return self._each(works, bring)

    def watch(self, works: Sequence[Work]) -> Iterator[Work]:
        """Follow jobs, fetch the results that are wanted; yield each work as it ends."""
        return self._each(works, self._follow)

    def _each(self, works: Sequence[Work], bring: Callable[[Work, Line], None]) -> Iterator[Work]:
        self._pause_s = max(POLL_S, len(works) / MOST_POLLS_PER_S)
        self._follows_many = len(works) > 1
        called = Counter(work.name for work in works)

        def run(work: Work) -> Work:
            file = work.file if called[work.name] > 1 else None
            line = self._board.line(names.printable(file) if file else work.name)
            try:
                bring(work, line)
            except UnreachableError as error:
                work.error = _with_a_way_on(error, work)
            except CommandError as error:
                work.error = error
            except OSError as error:
                work.error = _unwritten(error, work)
            if work.error:
                line.fails()
            return work

        with ThreadPoolExecutor(len(works) or 1) as threads:
            try:
                for step in as_completed([threads.submit(run, work) for work in works]):
                    yield step.result()
            finally:
                # Only who is interrupted leaves anything to stop.
                self._patience.stopping.set()

    def _start(self, work: Work, line: Line, order: Fields) -> None:
        if work.file is None:
            return
        names.check(work.file)
        with self._lanes:
            stamp = Stamp.of(work.file)
            line.moving("Reading", None)
            mine = {"filename": work.file.name, "bytes": stamp.size, "md5": md5_of(work.file)}
            line.moving("Uploading", stamp.size)
            granted = self._client.upload({**order, **mine})
            if job_id := granted.get("job"):
                work.job = self._client.job(job_id)
                return
            known = {job.id for job in self._client.jobs(top=MOST_JOBS, video=granted["blob"])}
            upload(
                work.file,
                granted["url"],
                granted["headers"],
                self._moved(line),
                stamp=stamp,
                renew=lambda: self._client.upload({**order, **mine})["url"],
                patience=self._patience,
            )
        line.moving("Starting", None)
        work.job = self._started(granted["blob"], known)

    def _started(self, blob: str, known: set[str]) -> Job:
        """Wait for the job that an upload starts, which is none of those that it had before."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            for job in self._client.jobs(top=1, video=blob):
                if job.id not in known:
                    return job
            self._pause()
        raise UnreachableError(
            f"{blob} is uploaded, but no job has started in {START_S:.0f} s: "
            "atelier status shows it when it has"
        )

    def _pause(self) -> None:
        self._patience.pause(self._pause_s)

    def _look(self, job_id: str) -> Job:
        """Return how a job stands; of many, one listing tells about all."""
        if not self._follows_many:
            return self._client.job(job_id)
        with self._looking:
            if time.monotonic() - self._looked > self._pause_s:
                found = self._client.jobs(sys.maxsize, status=GOING_ON)
                self._going_on = {job.id: job for job in found}
                self._looked = time.monotonic()
            going_on = self._going_on.get(job_id)
        return going_on or self._client.job(job_id)

    def _follow(self, work: Work, line: Line) -> None:
        if work.job is None:
            return
        while not work.job.has_ended:
            line.stands(work.job)
            self._pause()
            work.job = self._look(work.job.id)
        line.stands(work.job)
        if work.out and work.is_well:
            work.out = self._fetch(work.job, work.out, line)
        if work.job.status == "Completed":
            line.ends(STAGES[work.job.stage])
        else:
            line.fails(STAGES[work.job.stage])

    def _fetch(self, job: Job, out: Path, line: Line) -> Path:
        # What comes of a video may be lines of JSON as well.
        out = out.with_suffix(Path(job.fields.get("result") or out).suffix)
        with self._lanes:
            line.moving("Downloading", None)
            return download(
                self._client.result_url(job.id),
                out,
                self._moved(line),
                overwrite=self._overwrite,
                renew=lambda: self._client.result_url(job.id),
                patience=self._patience,
            )

    def _moved(self, line: Line) -> Progress:
        def moved(size: int) -> None:
            if self._patience.stopping.is_set():
                raise Stopped
            line.moved(size)

        return moved


def _with_a_way_on(error: UnreachableError, work: Work) -> UnreachableError:
    """Say how what was given up can be taken up again."""
    if work.job:
        way = f"its job goes on without; atelier watch {work.job.id} follows it again"
    else:
        way = "the same command again goes on where this one stopped"
    return UnreachableError(f"{error} ({way})" if work.job or work.file else str(error))


def _unwritten(error: OSError, work: Work) -> CommandError:
    """Say what the system refuses, and how a result is still to be had."""
    said = names.refused(error, work.out.parent if work.job and work.out else "")
    if work.job and work.job.status == "Completed":
        said += f" (it is painted; atelier download {work.job.id} --out FOLDER saves it)"
    return CommandError(said)
