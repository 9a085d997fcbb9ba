"""Child processes for reading what strangers have uploaded.

Demuxers and decoders are where hostile files do harm. So files are read and joined in child
processes: a crash ends a child and not the app, and the system holds a child to its limits of
processor time, memory and files. A child serves one job at a time. One that has answered is kept
for the next job, since starting one takes a second; one that fails in any other way is not.

    python -m function_app.stages.isolation

is what a child runs: a request a line on standard input, an answer a line on standard output.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from queue import SimpleQueue
from threading import Lock, Thread, Timer
from typing import IO, Any, Self, cast

from function_app.errors import AtelierError, Code, InputError, ServiceError
from function_app.host import logs
from function_app.settings import Settings, settings
from function_app.stages.preprocess import preprocess
from function_app.stages.stitch import stitch
from function_app.store.jobs import Job

LONGEST_S = 3600.0
"""Seconds after which a child is taken for hung, whatever it waits for."""
MOST_IDLE = 3
"""Children that are kept for the next job: as many as host.json lets work at a time.

With fewer, a job that has to start one is passed by many that have not.
"""

# What ends a process from outside; every other signal it brings upon itself.
FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}

TASKS: dict[str, Callable[[Job], Any]] = {
    "preprocess": lambda job: asdict(preprocess(job)),
    "stitch": lambda job: asdict(stitch(job)),
}

log = logging.getLogger(__name__)


def run(task: str, job: Job) -> Any:
    """Run one of the `TASKS` for a job in a child process and return its value.

    Raises:
        InputError: the input cannot be used, or it crashes or exhausts what reads it.
        ServiceError: the world failed, or the child was ended from outside.
    """
    child = Child.take()
    try:
        answer = child.ask(task, job)
    except BaseException:
        child.end()
        raise
    child.give_back()
    if "refused" in answer:
        raise InputError(answer["refused"], Code(answer["code"]))
    if "failed" in answer:
        raise ServiceError(answer["failed"])
    return answer["value"]


class Child:
    """A process that reads and joins files, as its parent sees it."""

    _idle: list[Self] = []  # noqa: RUF012 - one pool for all
    _pool = Lock()

    def __init__(self) -> None:
        """Start one under the present settings."""
        self._settings = settings()
        self._job_id = ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        Thread(target=self._pass_on, args=(self._process.stderr,), daemon=True).start()
        self._requests = cast("IO[bytes]", self._process.stdin)
        self._answers = cast("IO[bytes]", self._process.stdout)

    @classmethod
    def take(cls) -> Self:
        """Take an idle child that has the present settings, else start one."""
        with cls._pool:
            while cls._idle:
                child = cls._idle.pop()
                if child._is_usable():
                    return child
                child.end()
        return cls()

    def give_back(self) -> None:
        """Keep the child for the next job, or end it where enough are kept."""
        with self._pool:
            if len(self._idle) < MOST_IDLE:
                self._idle.append(self)
                return
        self.end()

    def ask(self, task: str, job: Job) -> dict[str, Any]:
        """Have a task done; return {"value": ...}, {"refused": ...} or {"failed": ...}.

        Raises:
            InputError: the child crashed, or came to a limit.
            ServiceError: it was ended from outside, or hung.
        """
        self._job_id = job.job_id
        request = json.dumps({"task": task, "job": asdict(job)})
        overdue = Timer(LONGEST_S, self._process.kill)
        overdue.start()
        try:
            self._requests.write(f"{request}\n".encode())
            self._requests.flush()
            line = self._answers.readline()
        except BrokenPipeError:
            line = b""
        finally:
            overdue.cancel()
        if not line:
            raise _death(job.name, self._process.wait(), self._settings)
        return json.loads(line)

    def end(self) -> None:
        """Kill the child."""
        self._process.kill()
        self._process.wait()
        self._answers.close()
        try:
            self._requests.close()
        except BrokenPipeError:
            return

    def _is_usable(self) -> bool:
        return self._settings == settings() and self._process.poll() is None

    def _pass_on(self, lines: IO[bytes]) -> None:
        """Log what the child says; it may write to no file itself."""
        with lines:
            for line in lines:
                with logs.about(self._job_id):
                    log.warning("%s", line.decode(errors="replace").rstrip())


@atexit.register
def _end_idle() -> None:
    while Child._idle:  # pyright: ignore[reportPrivateUsage]
        Child._idle.pop().end()  # pyright: ignore[reportPrivateUsage]


def _death(name: str, status: int, limits: Settings) -> AtelierError:
    """Return whose fault it is that a child ended with a status."""
    if status == -signal.SIGXCPU:
        return InputError(
            f"{name} takes more than {limits.child_cpu_seconds} s of processor time to read: "
            "convert it to H.264 in MP4",
            Code.EXHAUSTING_VIDEO,
        )
    if status >= 0 or -status in FROM_OUTSIDE:
        return ServiceError(f"the process that read {name} was ended (status {status})")
    return InputError(
        f"{name} crashes what reads it ({signal.Signals(-status).name}): "
        "convert it to H.264 in MP4",
        Code.EXHAUSTING_VIDEO,
    )


def main() -> None:
    """Answer requests until whoever asks is gone."""
    # Libraries may print: the way back is a copy of standard output that none of them knows.
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        requests: SimpleQueue[str] = SimpleQueue()
        Thread(target=_listen, args=(requests,), daemon=True).start()
        while True:
            request = json.loads(requests.get())
            answer = _answer(TASKS[request["task"]], Job(**request["job"]))
            print(json.dumps(answer), file=answers, flush=True)


def _listen(requests: SimpleQueue[str]) -> None:
    """Take requests; end the process, in the midst of its work too, with whoever asked."""
    for line in sys.stdin:
        requests.put(line)
    os._exit(0)


def _answer(task: Callable[[Job], Any], job: Job) -> dict[str, Any]:
    limits = settings()
    limit_process(limits)
    try:
        return {"value": task(job)}
    except InputError as error:
        return {"refused": str(error), "code": error.code}
    except MemoryError:
        return {
            "refused": f"{job.name} takes more than {limits.child_memory_mib} MiB of memory to "
            "read: convert it to H.264 in MP4",
            "code": Code.EXHAUSTING_VIDEO,
        }
    except Exception as error:
        log.exception("%s", error)
        return {"failed": str(error) or type(error).__name__}


def limit_process(limits: Settings) -> None:
    """Hold this process to its limits for one more task: no file, no core, so much memory."""
    memory, spent = limits.child_memory_mib * 2**20, sum(os.times()[:2])
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(spent) + 1 + limits.child_cpu_seconds, most))
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
