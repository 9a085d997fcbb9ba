"""FFmpeg as a child process: which one, its pipes, its last words, and its certain end."""

from __future__ import annotations

import itertools
import logging
import resource
import subprocess
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader, BufferedWriter
from threading import Thread
from typing import Final, cast

import imageio_ffmpeg
from ffmpeg.nodes import OutputStream

from gpu_worker.errors import ToolError
from gpu_worker.frames.frame import Planes

_LINES_KEPT: Final = 20

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may use that reads a stranger's file; Linux holds it to them.

    It may write to no file and leave no core behind.

    Attributes:
        cpu_seconds: of processor time, all threads together; beyond, the child is killed.
        memory: bytes of its own data (RLIMIT_DATA); beyond, it gets no more.
    """

    cpu_seconds: int
    memory: int

    def impose(self, pid: int) -> None:
        """Set the limits of a process that runs."""
        if not hasattr(resource, "prlimit"):
            return
        for what, most in (
            (resource.RLIMIT_CPU, self.cpu_seconds),
            (resource.RLIMIT_DATA, self.memory),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
        ):
            with suppress(ProcessLookupError):  # it has ended already
                resource.prlimit(pid, what, (most, most))


class Ffmpeg:
    """A running ffmpeg.

    A hostile file may crash it or make it talk without end: it is a process of its own, and of
    what it says only the last lines are kept. It outlives nobody: its pipes end with the rank.

    Attributes:
        stdout: what it writes to `pipe:1`.
    """

    def __init__(
        self,
        graph: OutputStream,
        pass_fds: Sequence[int],
        limits: Limits | None,
        hear: Callable[[bytes], bool] | None,
    ) -> None:
        """Start it; `running` is the way to do so."""
        quiet = graph.global_args("-nostdin", "-nostats", "-hide_banner")
        level = ("repeat+level+info", "-debug_ts") if hear else ("error",)
        self._process = subprocess.Popen(
            quiet.global_args("-loglevel", *level).compile(cmd=imageio_ffmpeg.get_ffmpeg_exe()),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=pass_fds,
        )
        if limits:
            limits.impose(self._process.pid)
        self._stdin = cast(BufferedWriter, self._process.stdin)
        self._stderr = cast(BufferedReader, self._process.stderr)
        self.stdout = cast(BufferedReader, self._process.stdout)
        self._last_words: deque[bytes] = deque(maxlen=_LINES_KEPT)
        said = itertools.chain(self._stderr, (b"",))
        lines = itertools.filterfalse(hear, said) if hear else self._stderr
        self._listener = Thread(target=self._last_words.extend, args=(lines,))
        self._listener.start()

    def write(self, planes: Planes) -> None:
        """Write a picture to its `pipe:0`.

        Raises:
            ToolError: it no longer reads.
        """
        try:
            self._stdin.write(memoryview(planes))
        except BrokenPipeError:
            self.succeed()
            raise ToolError("FFmpeg stopped reading before the end.") from None

    def finish(self) -> int:
        """End its input, wait for its end, log its last words and return its exit status."""
        with suppress(BrokenPipeError):
            self._stdin.close()
        status = self._process.wait()
        self._listener.join()
        for line in self._last_words:
            log.warning("ffmpeg: %s", line.decode(errors="replace").rstrip())
        return status

    def succeed(self) -> None:
        """Finish, and take nothing but success.

        Raises:
            ToolError: it ended with another exit status than 0.
        """
        status = self.finish()
        if status != 0:
            raise ToolError(f"FFmpeg ended with status {status}; the log says more.")

    def end(self) -> None:
        """Kill it if it still runs, and close its pipes."""
        self._process.kill()
        with suppress(BrokenPipeError):
            self._stdin.close()
        self._process.wait()
        self._listener.join()
        self._stderr.close()
        self.stdout.close()


@contextmanager
def running(
    graph: OutputStream,
    pass_fds: Sequence[int] = (),
    limits: Limits | None = None,
    hear: Callable[[bytes], bool] | None = None,
) -> Generator[Ffmpeg]:
    """Start ffmpeg for the body of a `with`; whatever happens there, it ends with it.

    Args:
        graph: what it is to do.
        pass_fds: file descriptors that it inherits beside the standard three.
        limits: what it may use, where it reads a stranger's file.
        hear: is given each line that it logs and an empty one after the last, in a thread of its
            own that has ended with the `with`; returns whether the line was for it, and need not
            be kept. FFmpeg then tells of every packet and frame, each line with its level
            (`-debug_ts`).
    """
    child = Ffmpeg(graph, pass_fds, limits, hear)
    try:
        yield child
    finally:
        child.end()
