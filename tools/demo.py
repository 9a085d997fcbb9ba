"""`python -m tools.demo`: paint a video on this machine, by the function app that runs in Azure.

Starts the emulator, uploads the video, follows its job, saves the result and stops everything. The
last line on standard output is the path of the painted video.
"""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Self

import httpx
from azure.core.exceptions import AzureError
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from emulator import Config, Emulator, EmulatorError
from emulator.config import PROJECT_ROOT
from tools import clip
from tools.client import ApiError, Client, Job

DEFAULT_STYLE = "scream"
OUT = Path("out")
STATE = PROJECT_ROOT / ".emulator"
CANCEL_S = 15.0
"""Seconds in which a cancelled job should have ended; the emulator ends what is left."""

INTERRUPTED = 128 + signal.SIGINT

STAGES = {
    "preprocess": "Reading the video",
    "queue": "Starting the painters",
    "score": "Painting",
    "stitch": "Joining",
    "done": "Painted",
    "failed": "Failed",
    "cancelled": "Cancelled",
}

console = Console(stderr=True)


class DemoError(Exception):
    """The demo cannot go on; the message is one sentence for people."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be painted.

    Attributes:
        video: file to paint.
        style: name of the style to paint it in.
        out: file for the painted video.
    """

    video: Path
    style: str
    out: Path

    @classmethod
    def of(cls, video: Path | None, style: str, out: Path | None) -> Self:
        """Fill in what was not said; without a video, one is made.

        Raises:
            DemoError: there is no such video.
        """
        video = video.expanduser() if video else _made_clip()
        if not video.is_file():
            raise DemoError(f"there is no file {video}")
        name = f"{video.stem}.{style}.mp4"
        out = out.expanduser() if out else OUT / name
        return cls(video, style, out / name if out.is_dir() else out)


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.demo", description="Paint a video on this machine."
    )
    parser.add_argument("--video", type=Path, help="default: a clip that is made for you")
    parser.add_argument("--style", default=DEFAULT_STYLE, help="default: %(default)s")
    parser.add_argument("--out", type=Path, help=f"default: {OUT}/<video>.<style>.mp4")
    return parser.parse_args(arguments)


def main() -> int:
    """Run the demo; return the exit status."""
    arguments = parse_arguments()
    # SIGINT too: whoever is started in the background by a shell inherits that it is ignored.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _interrupt)
    try:
        order = Order.of(arguments.video, arguments.style, arguments.out)
        paint(order)
    except KeyboardInterrupt:
        _say("Stopped.")
        return INTERRUPTED
    except (DemoError, EmulatorError, ApiError, AzureError, httpx.HTTPError, OSError) as error:
        _say(str(error))
        return 1
    print(order.out)
    return 0


def paint(order: Order) -> None:
    """Paint one video in an emulator of its own.

    Raises:
        DemoError: the job failed.
        EmulatorError: the emulator did not start.
        ApiError: the API refused the upload.
    """
    with (
        _state() as state,
        _emulator(state) as config,
        httpx.Client(base_url=config.host_url, timeout=60) as session,
    ):
        client = Client(session)
        with console.status(f"Uploading {escape(order.video.name)}"):
            blob = client.upload(order.video, order.style)
            job = client.find(blob)
        _follow(client, job)
        client.fetch(job.id, order.out)


@contextmanager
def _state() -> Generator[Path]:
    """Give a folder for the emulator's state; keep it for a look at the logs where things fail."""
    STATE.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="demo-", dir=STATE))
    with ExitStack() as leaving:
        leaving.callback(shutil.rmtree, folder)
        try:
            yield folder
        except Exception:
            leaving.pop_all()
            _say(f"The logs are in {folder / 'logs'}.")
            raise


@contextmanager
def _emulator(state: Path) -> Generator[Config]:
    config = Config.on_free_ports(state)
    with ExitStack() as running:
        with console.status("Starting Azurite, Azure Machine Learning's endpoint and the host"):
            running.enter_context(Emulator(config))
        yield config


def _follow(client: Client, job: Job) -> None:
    """Show a progress bar until the job has ended; Ctrl-C cancels it.

    Raises:
        DemoError: the job did not end well.
    """
    try:
        last = _show(client, job)
    except KeyboardInterrupt:
        with console.status("Cancelling"):
            client.cancel(job.id)
            _wait_for_end(client, job)
        raise
    if last.status != "Completed":
        raise DemoError(last.message or f"the job {last.id} is {last.status.lower()}")
    for note in last.notes:
        _say(f"Note: {note}")


def _wait_for_end(client: Client, job: Job) -> None:
    deadline = time.monotonic() + CANCEL_S
    for _ in client.follow(job.id):
        if time.monotonic() > deadline:
            return


def _show(client: Client, job: Job) -> Job:
    """Show how a job stands until it has ended; return how it stands then."""
    last = job
    with _bar() as bar:
        task = bar.add_task(STAGES[job.stage], total=None, pace="")
        for last in client.follow(job.id):
            _update(bar, task, last)
    return last


def _update(bar: Progress, task: TaskID, job: Job) -> None:
    bar.update(
        task,
        description=STAGES[job.stage],
        completed=job.done,
        total=job.total or None,
        pace=_pace(job),
    )


def _pace(job: Job) -> str:
    pace = f"{job.fps:.1f} fps" if job.fps else ""
    return f"{pace}, {job.eta_s:.0f} s left" if job.eta_s is not None else pace


def _bar() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<21}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("frames"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[pace]}"),
        console=console,
    )


def _made_clip() -> Path:
    file = OUT / "balloon.mp4"
    file.parent.mkdir(exist_ok=True)
    with console.status("Making a clip"):
        clip.make(file)
    return file


def _say(sentence: str) -> None:
    console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """Handle both as Python handles Ctrl-C."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
