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
from collections import deque
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cli import names
from cli.board import Board
from cli.client import Client
from cli.deployment import Deployment
from cli.display import console, say
from cli.errors import CommandError
from cli.studio import POLL_S, Studio, Work
from emulator import Config, Emulator, EmulatorError
from emulator.config import PROJECT_ROOT
from emulator.signals import end_as_interrupts
from tools import clip

DEFAULT_STYLE = "scream"
OUT = Path("out")
STATE = PROJECT_ROOT / ".demo"
"""Not below the folder of `make run`, which ends whatever runs there before it starts."""

CANCEL_S = 15.0
"""Seconds in which a cancelled job should have ended; the emulator ends what is left."""

INTERRUPTED = 128 + signal.SIGINT


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
    end_as_interrupts()
    try:
        order = Order.of(arguments.video, arguments.style, arguments.out)
        _prove_writable(order.out.parent)
        paint(order)
    except KeyboardInterrupt:
        say("Stopped.")
        return INTERRUPTED
    except OSError as error:
        say(names.refused(error))
        return 1
    except (DemoError, EmulatorError, CommandError) as error:
        say(str(error))
        return 1
    print(order.out)
    return 0


def paint(order: Order) -> None:
    """Paint one video in an emulator of its own; Ctrl-C cancels it.

    Raises:
        EmulatorError: the emulator did not start.
        CommandError: the video was refused, or its job failed.
    """
    work = Work(order.out, order.video)
    with (
        _state() as state,
        _emulator(state) as config,
        Deployment(config.host_url).client() as client,
    ):
        try:
            with Board() as board:
                deque(Studio(client, board).restyle([work], {"style": order.style}), maxlen=0)
        except KeyboardInterrupt:
            _cancel(client, work)
            raise
        if work.failure:
            raise work.failure
    for note in work.job.notes if work.job else ():
        say(f"Note: {note}")


def _prove_writable(folder: Path) -> None:
    """Have what would keep the result away known before hours of painting, not after.

    Raises:
        DemoError: a file is in its place.
        OSError: nothing can be written there.
    """
    if folder.is_file():
        raise DemoError(f"{folder} is a file, not a folder")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


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
            say(f"The logs are in {folder / 'logs'}.")
            raise


@contextmanager
def _emulator(state: Path) -> Generator[Config]:
    config = Config.on_free_ports(state)
    with ExitStack() as running:
        with console.status("Starting Azurite, Azure Machine Learning's endpoint and the host"):
            running.enter_context(Emulator(config))
        yield config


def _cancel(client: Client, work: Work) -> None:
    """End the job, if it has started; the emulator ends what is left after a while."""
    if work.job is None:
        return
    with console.status("Cancelling"):
        client.cancel(work.job.id)
        deadline = time.monotonic() + CANCEL_S
        while not client.job(work.job.id).has_ended and time.monotonic() < deadline:
            time.sleep(POLL_S)


def _made_clip() -> Path:
    file = OUT / "balloon.mp4"
    file.parent.mkdir(exist_ok=True)
    with console.status("Making a clip"):
        clip.make(file)
    return file


if __name__ == "__main__":
    sys.exit(main())
