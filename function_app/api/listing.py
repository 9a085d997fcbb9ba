"""Pages of jobs, newest first.

A page of all jobs is read from the index, and costs what stands on it. Where a page is narrowed by
status or video the task hub is asked, and for jobs that are older than the index. A hub keeps its
instances in no order of use here, so it is asked by spans of time that reach further and further
back, until the page is full. A video's jobs are found by the start of their ids instead.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import batched, islice
from time import monotonic
from typing import Self

import azure.durable_functions as df
import azure.functions as func
from durabletask.client import OrchestrationQuery, OrchestrationState, OrchestrationStatus

from function_app.api.answers import bad_request
from function_app.api.view import ENDED, STATUSES, View, view
from function_app.instances import paints_video, state_of, utc
from function_app.store import index
from function_app.store.jobs import job_id_prefix

PARAMETERS = ("status", "style", "video", "top", "cursor")
DEFAULT_TOP = 50
MOST_TOP = 1000
SPANS = (timedelta(hours=1), timedelta(days=1), timedelta(days=30), None)
# Task hubs differ in whether a span holds its end, and in how finely they tell times apart.
OVERLAP = timedelta(milliseconds=1)

# Which instances may show a status: a job that was cancelled has ended well, as an orchestration,
# and one that continues as new waits for a moment.
MAY_SHOW = {
    "Pending": {OrchestrationStatus.PENDING},
    "Running": {
        OrchestrationStatus.RUNNING,
        OrchestrationStatus.CONTINUED_AS_NEW,
        OrchestrationStatus.PENDING,
    },
    "Suspended": {OrchestrationStatus.SUSPENDED},
    "Completed": {OrchestrationStatus.COMPLETED},
    "Failed": {OrchestrationStatus.FAILED},
    "Cancelled": {OrchestrationStatus.COMPLETED, OrchestrationStatus.TERMINATED},
}

# Reads at a time of jobs on a page.
READS = 16
REMEMBERED = 4096
REMEMBERED_SECONDS = 600

type Position = tuple[datetime, str]
type Row = tuple[str, View]
"""A job, and the cursor that leads on from it."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a client wants to see.

    Attributes:
        statuses: any of these; all where it is empty.
        style: only this; all where it is empty.
        video: only of this blob; all where it is empty.
        top: most jobs on a page.
        after: creation and id of the last job of the page before.
        number: of that job in the index; None if it was not read from there.
    """

    statuses: frozenset[str]
    style: str
    video: str
    top: int
    after: Position | None
    number: int | None = None

    @classmethod
    def read(cls, req: func.HttpRequest) -> Self:
        """Check the query of a request.

        Raises:
            RequestError: a parameter says what it may not say.
        """
        given = req.params
        after, number = _position(given["cursor"]) if given.get("cursor") else (None, None)
        return cls(
            _statuses(given.get("status", "")),
            given.get("style", ""),
            given.get("video", ""),
            _top(given.get("top", str(DEFAULT_TOP))),
            after,
            number,
        )

    def page(self, client: df.SyncDurableFunctionsClient) -> tuple[list[View], str | None]:
        """Return a page of jobs, and the cursor of the next page if there is one."""
        matching = (row for row in self._rows(client) if self._wants(row[1]))
        page = list(islice(matching, self.top + 1))
        more, page = page[self.top :], page[: self.top]
        return [shown for _, shown in page], (page[-1][0] if more else None)

    def _rows(self, client: df.SyncDurableFunctionsClient) -> Iterator[Row]:
        after = self.after
        if not self.statuses and not self.video and (after is None or self.number is not None):
            yield from self._indexed(client)
            begun = index.beginning()
            after = (begun, "") if begun else after
        for state in self._newest_first(client, after):
            yield _cursor(utc(state.created_at), state.instance_id), view(state)

    def _indexed(self, client: df.SyncDurableFunctionsClient) -> Iterator[Row]:
        day = f"{self.after[0]:%Y-%m-%d}" if self.after else ""
        entries = (
            entry
            for entry in index.newest_first(day, self.number or 0)
            if self.style in {"", entry.style}
        )
        for some in batched(entries, self.top + 1):
            shown = _readers().map(partial(_shown, client), [entry.job_id for entry in some])
            for entry, job in zip(some, shown, strict=True):
                if job is not None:
                    yield _cursor(entry.created, entry.job_id, entry.number), job

    def _newest_first(
        self, client: df.SyncDurableFunctionsClient, after: Position | None
    ) -> Iterator[OrchestrationState]:
        before = after or (datetime.now(UTC) + timedelta(days=1), "")
        newest = after[0] if after else datetime.now(UTC)
        for span in (None,) if self.video else SPANS:
            start = newest - span if span else None
            found = client.get_all_orchestration_states(self._query(start, before[0] + OVERLAP))
            for state in sorted(filter(paints_video, found), key=_place, reverse=True):
                if _place(state) < before:
                    before = _place(state)
                    yield state
            before = min(before, (start, "")) if start else before

    def _query(self, start: datetime | None, end: datetime) -> OrchestrationQuery:
        statuses = {each for name in self.statuses for each in MAY_SHOW[name]}
        return OrchestrationQuery(
            created_time_from=start,
            created_time_to=end,
            runtime_status=sorted(statuses, key=lambda each: each.value) or None,
            fetch_inputs_and_outputs=True,
            instance_id_prefix=job_id_prefix(self.video) if self.video else None,
        )

    def _wants(self, shown: View) -> bool:
        return (
            (not self.statuses or shown["status"] in self.statuses)
            and self.style in {"", shown["style"]}
            and self.video in {"", shown["video"]}
        )


def _statuses(text: str) -> frozenset[str]:
    wanted = frozenset(filter(None, text.split(",")))
    known = set(STATUSES.values())
    if unknown := sorted(wanted - known):
        raise bad_request(f"there is no status {unknown[0]!r}: one of {', '.join(sorted(known))}")
    return wanted


def _top(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= MOST_TOP):
        raise bad_request(f"top must be a number from 1 to {MOST_TOP}, not {text!r}")
    return int(text)


def _place(state: OrchestrationState) -> Position:
    return utc(state.created_at), state.instance_id


def _cursor(created: datetime, job_id: str, number: int | None = None) -> str:
    words = [created.isoformat(), job_id, *([] if number is None else [str(number)])]
    return base64.urlsafe_b64encode(" ".join(words).encode()).decode().rstrip("=")


def _position(cursor: str) -> tuple[Position, int | None]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        created, job_id, *number = text.split(" ")
        return (utc(datetime.fromisoformat(created)), job_id), int(*number) if number else None
    except (binascii.Error, TypeError, ValueError) as error:
        raise bad_request("the cursor is none that the API gave: begin without one") from error


@cache
def _readers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(READS)


_ended: dict[tuple[int, str], tuple[float, View]] = {}


def _shown(client: df.SyncDurableFunctionsClient, job_id: str) -> View | None:
    """Return a job, None where there is none; one that has ended is remembered for a while."""
    until, job = _ended.get((id(client), job_id), (0.0, None))
    if job is not None and monotonic() < until:
        return job
    state = state_of(client, job_id)
    if state is None or not paints_video(state):
        return None
    job = view(state)
    if job["status"] in ENDED:
        if len(_ended) >= REMEMBERED:
            _ended.clear()
        _ended[id(client), job_id] = (monotonic() + REMEMBERED_SECONDS, job)
    return job
