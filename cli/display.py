"""What people see: a line of progress for each video, tables, sentences."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

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
COLOURS = {"Completed": "green", "Failed": "red", "Cancelled": "yellow"}

WIDE = 1000

console = Console(stderr=True)
"""For people; what programs read goes to standard output."""


def say(sentence: str) -> None:
    """Print a sentence for people."""
    console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def tell(document: Any) -> None:
    """Print a line of JSON for programs."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    sys.stdout.flush()


class Board:
    """Lines of progress, one for each video; as a context manager it shows them meanwhile."""

    def __init__(self) -> None:
        """Start with no line."""
        self._bars = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.fields[name]}", style="bold"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[count]}", justify="right"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[pace]}"),
            console=console,
        )

    def __enter__(self) -> Board:
        """Begin to show."""
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Show for the last time."""
        self._bars.stop()

    def line(self, name: str) -> Line:
        """Add a line."""
        task = self._bars.add_task("", name=escape(name), total=None, count="", pace="")
        return Line(self._bars, task)


class Line:
    """The progress of one video."""

    def __init__(self, bars: Progress, task: TaskID) -> None:
        """Keep where it is shown."""
        self._bars = bars
        self._task = task

    def moving(self, what: str, size: int | None) -> None:
        """Begin to show bytes on their way."""
        self._bars.update(self._task, description=what, completed=0, total=size, count="", pace="")

    def moved(self, size: int) -> None:
        """Show that more bytes have arrived."""
        self._bars.advance(self._task, size)

    def stands(self, job: Job) -> None:
        """Show how a job stands."""
        self._bars.update(
            self._task,
            description=STAGES[job.stage],
            completed=job.done,
            total=job.total or None,
            count=f"{job.done}/{job.total} frames" if job.total else "",
            pace=pace(job),
        )

    def ends(self, what: str) -> None:
        """Show that nothing more will happen."""
        task = self._bars.tasks[self._task]
        total = task.total or 1
        self._bars.update(self._task, description=what, completed=total, total=total, pace="")
        self._bars.stop_task(self._task)


def pace(job: Job) -> str:
    """Say how fast a job is painted, and how long that will go on."""
    fps = f"{job.fps:.1f} fps" if job.fps else ""
    return f"{fps}, {job.eta_s:.0f} s left" if job.eta_s is not None else fps


def jobs_table(jobs: Iterable[Job]) -> Table:
    """Lay jobs out for people."""
    table = Table(box=None, pad_edge=False)
    table.add_column("Job", no_wrap=True)
    for column in ("Video", "Style", "Status", "Frames", "Message"):
        table.add_column(column, overflow="fold")
    for job in jobs:
        colour = COLOURS.get(job.status, "")
        status = f"[{colour}]{job.status}[/]" if colour else job.status
        frames = f"{job.done}/{job.total}" if job.total else ""
        cells = (escape(each) for each in (job.id, job.name, job.style))
        table.add_row(*cells, status, frames, escape(job.message))
    return table


def styles_table(styles: Iterable[Fields]) -> Table:
    """Lay styles out for people."""
    table = Table(box=None, pad_edge=False)
    for column in ("Style", "State", "Message"):
        table.add_column(column, overflow="fold")
    for style in styles:
        cells = (style["name"], style.get("state", "ready"), style.get("message") or "")
        table.add_row(*(escape(each) for each in cells))
    return table


def show(table: Table) -> None:
    """Print a table; where no person reads it, each row is one line."""
    Console(width=None if sys.stdout.isatty() else WIDE).print(table)
