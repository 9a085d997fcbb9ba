"""What people read of jobs and styles: sentences and tables."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli import names
from cli.client import Fields, Job

STAGES = {
    "preprocess": "Reading the video",
    "wait": "Waiting for the style",
    "queue": "Waiting for painters",
    "learn": "Learning the style",
    "score": "Painting",
    "stitch": "Joining",
    "done": "Painted",
    "failed": "Failed",
    "cancelled": "Cancelled",
}
WAITING = {"wait"}
BEFORE = {"preprocess", "wait", "queue"}
COLOURS = {"Completed": "green", "Failed": "red", "Cancelled": "yellow"}

HEADINGS = ("Job", "Status", "Frames", "Age")
GAP = 2
"""Characters between two columns."""

WIDE = 1000
SHORTEST = 12
"""Characters of a name, if it is shown at all."""

type Row = tuple[str, str, str, str]
"""Id of a job, its status, its frames, its age."""

console = Console(stderr=True)
"""For people; what programs read goes to standard output."""


def say(sentence: str) -> None:
    """Print a sentence for people."""
    console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def tell(document: Any) -> None:
    """Print a line of JSON for programs."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def doing(job: Job) -> str:
    """Say what is being done with a job; of one in line, for what it waits."""
    if job.stage == "queue" and job.message:
        return job.message[0].upper() + job.message[1:]
    return STAGES[job.stage]


def count(job: Job) -> str:
    """Say how much of a job is done; nothing while nothing is done with it."""
    if not job.total or job.stage in BEFORE:
        return ""
    if job.stage == "learn":
        return f"{100 * job.done // job.total} %"
    return f"{job.done}/{job.total} frames"


def pace(job: Job) -> str:
    """Say how fast a job is painted, and how long that will go on."""
    fps = f"{job.fps:.1f} fps" if job.fps and job.stage != "learn" else ""
    left = f"{duration(job.eta_s)} left" if job.eta_s is not None else ""
    return ", ".join(filter(None, (fps, left)))


def gives_way(job: Job) -> str:
    """Say to whom a job gives way; one in line says so by what it does."""
    clips = 0 if job.stage == "queue" else job.fields.get("gives_way", 0)
    return f"gives way to {clips} clip{'s' if clips > 1 else ''}" if clips else ""


def duration(seconds: float) -> str:
    """Say how long something takes: `40 s`, `3 min`, `1 h 20 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    hours, minutes = divmod(round(whole / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def age(job: Job) -> str:
    """Say how long ago a job began: `3 min`, `5 h`, `2 d`."""
    created = datetime.fromisoformat(job.fields["created"])
    seconds = max(0, int((datetime.now(UTC) - created).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def show_jobs(jobs: Sequence[Job]) -> None:
    """Print jobs for people: a line each, and below them whole what is to be said of some.

    Where a line is too short for that, the id stands above the rest.
    """
    width = _width()
    rows = [(job.id, job.status, _frames(job), age(job)) for job in jobs]
    needed = sum(max(map(len, column)) + GAP for column in zip(HEADINGS, *rows, strict=True))
    if needed - GAP <= width:
        show(_jobs_table(jobs, rows, width - needed))
    else:
        _list_jobs(rows)
    for job in jobs:
        if job.message and (job.status in {"Failed", "Pending"} or job.stage in WAITING):
            print(f"{job.id}: {job.message}")


def _jobs_table(jobs: Sequence[Job], rows: Sequence[Row], room: int) -> Table:
    """Lay jobs out; ids stay whole, names give way to the room that there is."""
    table = Table(box=None, pad_edge=False)
    room -= max(map(len, ["Style", *(job.style for job in jobs)])) + GAP
    headings = [*HEADINGS, *["Style"] * (room >= 0), *["Video"] * (room >= SHORTEST)]
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    for job, (job_id, status, frames, begun) in zip(jobs, rows, strict=True):
        more = (escape(job.style), escape(names.middle(job.name, max(SHORTEST, room))))
        cells = (escape(job_id), _coloured(status), frames, begun, *more)
        table.add_row(*cells[: len(headings)])
    return table


def _list_jobs(rows: Iterable[Row]) -> None:
    """Print each job's id, and how it stands in a line below."""
    lines = Console(width=WIDE)
    for job_id, status, frames, begun in rows:
        lines.print(job_id, markup=False, highlight=False)
        facts = filter(None, (_coloured(status), frames, begun))
        lines.print(f"  {'  '.join(facts)}", highlight=False)


def _coloured(status: str) -> str:
    colour = COLOURS.get(status, "")
    return f"[{colour}]{status}[/]" if colour else status


def _frames(job: Job) -> str:
    return f"{job.done}/{job.total}" if job.total else ""


def show_styles(styles: Sequence[Fields], makings: Mapping[str, Job]) -> None:
    """Print styles for people; of those that are being learnt, how far that is."""
    table = Table(box=None, pad_edge=False)
    table.add_column("Style", no_wrap=True)
    table.add_column("State")
    for style in styles:
        making = makings.get(style["name"])
        state = _far(making) if making and not making.has_ended else style.get("state", "ready")
        table.add_row(escape(style["name"]), state)
    show(table)
    for style in styles:
        if style.get("message"):
            print(f"{style['name']}: {style['message']}")


def _far(making: Job) -> str:
    """Say how far a style is learnt: `learning the style, 40 %, 3 min left`."""
    what = STAGES[making.stage].lower()
    return ", ".join(filter(None, (what, count(making), pace(making))))


def _width() -> int:
    """Return how many characters a line may have; where no person reads it, as many as it takes."""
    return Console().width if sys.stdout.isatty() else WIDE


def show(table: Table) -> None:
    """Print a table; where no person reads it, each row is one line."""
    Console(width=_width()).print(table)
