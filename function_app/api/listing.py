"""Pages of jobs, newest first.

A task hub keeps its instances in no order of use here, so a page is asked for by spans of time that
reach further and further back, until it is full: what is shown first costs what the last hour
holds, not what the years hold. A video's jobs are found by the start of their ids instead.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Self

import azure.durable_functions as df
import azure.functions as func
from durabletask.client import OrchestrationQuery, OrchestrationState, OrchestrationStatus

from function_app.api.answers import bad_request
from function_app.api.view import STATUSES, View, utc, view
from function_app.instances import paints_video
from function_app.jobs import job_id_prefix

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

type Position = tuple[datetime, str]


@dataclass(frozen=True, slots=True)
class Listing:
    """What a client wants to see.

    Attributes:
        statuses: any of these; all where it is empty.
        style: only this; all where it is empty.
        video: only of this blob; all where it is empty.
        top: most jobs on a page.
        after: creation and id of the last job of the page before.
    """

    statuses: frozenset[str]
    style: str
    video: str
    top: int
    after: Position | None

    @classmethod
    def read(cls, req: func.HttpRequest) -> Self:
        """Check the query of a request.

        Raises:
            RequestError: a parameter says what it may not say.
        """
        given = req.params
        return cls(
            _statuses(given.get("status", "")),
            given.get("style", ""),
            given.get("video", ""),
            _top(given.get("top", str(DEFAULT_TOP))),
            _position(given["cursor"]) if given.get("cursor") else None,
        )

    def page(self, client: df.SyncDurableFunctionsClient) -> tuple[list[View], str | None]:
        """Return a page of jobs, and the cursor of the next page if there is one."""
        matching = (pair for pair in self._shown(client) if self._wants(pair[1]))
        page = list(islice(matching, self.top + 1))
        more, page = page[self.top :], page[: self.top]
        return [shown for _, shown in page], (_cursor(page[-1][0]) if more else None)

    def _shown(
        self, client: df.SyncDurableFunctionsClient
    ) -> Iterator[tuple[OrchestrationState, View]]:
        for state in self._newest_first(client):
            yield state, view(state)

    def _newest_first(self, client: df.SyncDurableFunctionsClient) -> Iterator[OrchestrationState]:
        before = self.after or (datetime.now(UTC) + timedelta(days=1), "")
        newest = self.after[0] if self.after else datetime.now(UTC)
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


def _cursor(state: OrchestrationState) -> str:
    created, job_id = _place(state)
    return base64.urlsafe_b64encode(f"{created.isoformat()} {job_id}".encode()).decode().rstrip("=")


def _position(cursor: str) -> Position:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        created, _, job_id = text.partition(" ")
        return utc(datetime.fromisoformat(created)), job_id
    except (binascii.Error, ValueError) as error:
        raise bad_request("the cursor is none that the API gave: begin without one") from error
