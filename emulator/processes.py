"""Finding and ending processes, children of children and orphans included.

A process belongs to a folder when its environment says so. The environment is inherited
across process groups, sessions and the death of parents, all of which mpiexec and its
proxies make use of, so it finds what a process group would miss.
"""

import time
from pathlib import Path

import psutil

OWNER_VARIABLE = "EMULATOR_OWNER"
"""Environment variable with the folder that a process belongs to."""


def owned(folder: Path) -> list[psutil.Process]:
    """Return the living processes that belong to `folder` or to a folder below it."""
    return [
        process
        for process in psutil.process_iter()
        if (owner := _owner(process)) and Path(owner).is_relative_to(folder)
    ]


def end(folder: Path, grace_s: float) -> None:
    """End every process of `folder`: ask first, kill what lives after `grace_s` seconds."""
    for process in owned(folder):
        _signal(process, kill=False)
    _wait(folder, grace_s)
    for process in owned(folder):
        _signal(process, kill=True)
    _wait(folder, grace_s)


def _wait(folder: Path, limit_s: float) -> None:
    """Wait until no process is left; a zombie counts as none, whoever should reap it."""
    deadline = time.monotonic() + limit_s
    while owned(folder) and time.monotonic() < deadline:
        time.sleep(0.05)


def _owner(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(OWNER_VARIABLE)
    except (psutil.Error, OSError):
        return None  # ended meanwhile, or another user's


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        process.kill() if kill else process.terminate()
    except psutil.NoSuchProcess:
        return
