"""What people see while they wait: a line of progress for each video."""

from __future__ import annotations

import time
from typing import Any, override

from rich.filesize import decimal
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
)
from rich.table import Column
from rich.text import Text

from cli import display, names
from cli.client import Job
from cli.display import SHORTEST, WAITING, count, doing, duration, gives_way, pace, say

SAID = 52
"""Characters of the longest sentence about an upload: bytes, how fast they come, time left."""

GAPS = 4
"""Characters of a line that hold nothing, or the mark at its beginning."""

LONGEST = 40
"""Characters of a name."""

BARS = ((100, 24), (80, 10), (0, 0))
"""From how many characters of a line on its bar has how many; what is said goes before."""

MINUTE_S = 60.0


class _Mark(SpinnerColumn):
    """Turns until nothing more will happen; a cross where it came to nothing."""

    @override
    def render(self, task: Task) -> Any:
        if task.fields["failed"]:
            return Text("✗", "red")
        return Text(" ") if task.stop_time is not None else self.spinner.render(task.get_time())


class _Said(ProgressColumn):
    """What is being done, how much of it is, how fast, and how long it goes on."""

    @override
    def render(self, task: Task) -> Text:
        return Text(_sentence(task))


def _sentence(task: Task) -> str:
    return ", ".join(filter(None, (task.description, task.fields["count"], task.fields["pace"])))


class Board:
    """Lines of progress, one for each video; as a context manager it shows them meanwhile."""

    def __init__(self) -> None:
        """Start with no line, and with nothing to be seen."""
        # Read now: who tests what is seen sets another.
        self._console = display.console
        self._bar = next(bar for least, bar in BARS if self._console.width >= least)
        self._bars = Progress(
            _Mark(),
            TextColumn("{task.fields[name]}", style="bold"),
            *([BarColumn(bar_width=self._bar)] if self._bar else []),
            # Takes what is left of the line, and gives way where that is not enough.
            _Said(table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
            console=self._console,
            expand=True,
        )

    def __enter__(self) -> Board:
        """Begin to show the lines that there will be."""
        return self

    def __exit__(self, *_: object) -> None:
        """Show for the last time."""
        if self._bars.tasks:
            self._bars.stop()

    def line(self, name: str) -> Line:
        """Add a line."""
        self._bars.start()
        room = self._console.width - self._bar - SAID - GAPS
        short = names.middle(name, min(LONGEST, max(SHORTEST, room)))
        task = self._bars.add_task(
            "", total=None, name=escape(short), count="", pace="", failed=False
        )
        return Line(self._bars, task, name)


class Line:
    """The progress of one video."""

    def __init__(self, bars: Progress, task: TaskID, name: str) -> None:
        """Keep where it is shown."""
        self._bars = bars
        self._task = task
        self._name = name
        self._said = time.monotonic()
        self._waits = ""

    def moving(self, what: str, size: int | None) -> None:
        """Begin to show bytes on their way."""
        self._bars.reset(self._task, description=what)
        self._bars.update(self._task, count="", pace="")
        # For the library, no total means the one before.
        self._bars.tasks[self._task].total = size

    def moved(self, size: int) -> None:
        """Show that more bytes have arrived, how fast they come and how long the rest takes."""
        self._bars.advance(self._task, size)
        task = self._bars.tasks[self._task]
        come, total = decimal(int(task.completed)), task.total and decimal(int(task.total))
        said = [f"{decimal(int(task.speed))}/s"] if task.speed else []
        said += [f"{duration(task.time_remaining)} left"] if task.time_remaining else []
        self._show(count=f"{come} of {total}" if total else come, pace=", ".join(said))

    def stands(self, job: Job) -> None:
        """Show how a job stands; what it waits for is said once, above."""
        waits = job.message if job.stage in WAITING else ""
        if waits and self._is_seen and self._waits != job.stage:
            say(f"{self._name}: {waits}")
        self._waits = job.stage
        said = (pace(job), gives_way(job), "" if self._is_seen else waits)
        self._show(
            description=doing(job),
            completed=job.done,
            total=job.total or None,
            count=count(job),
            pace=", ".join(filter(None, said)),
        )

    def ends(self, what: str) -> None:
        """Show that nothing more will happen, and that all is well: whole, whatever was counted."""
        total = self._bars.tasks[self._task].total or 1
        self._bars.update(
            self._task, description=what, completed=total, total=total, count="", pace=""
        )
        self._bars.stop_task(self._task)

    def fails(self, what: str = "Failed") -> None:
        """Show that nothing more will happen, and how far it went."""
        total = self._bars.tasks[self._task].total or 1
        self._bars.update(self._task, description=what, total=total, pace="", failed=True)
        self._bars.stop_task(self._task)

    @property
    def _is_seen(self) -> bool:
        """Whether a person looks at the lines, and not at what is printed of them each minute."""
        return self._bars.console.is_terminal

    def _show(self, **fields: Any) -> None:
        self._bars.update(self._task, **fields)
        if not self._is_seen and time.monotonic() - self._said > MINUTE_S:
            self._said = time.monotonic()
            say(f"{self._name}: {_sentence(self._bars.tasks[self._task])}")
