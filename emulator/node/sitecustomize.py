"""The manners of Azure ML's mount in a job's own Python processes: it neither renames nor appends.

Where the emulator is asked to, it is slow as well: a new file takes its time.

Python imports this module at its start because the job's PYTHONPATH names its folder. An audit
hook (PEP 578) sees what a process asks of files before the system does. Programs that are not
Python are not seen; the worker lets none write to its output.
"""

import os
import sys
import time
from typing import Any, cast

OUTPUTS = os.environ.get("EMULATOR_OUTPUTS", "")
"""The folder in which the job's outputs are mounted."""

FILE_SECONDS = float(os.environ.get("EMULATOR_FILE_SECONDS") or 0)
"""How long it takes to create a file there."""

EPERM = 1


def _is_mounted(path: object) -> bool:
    if not isinstance(path, str | bytes | os.PathLike):
        return False
    name = os.fsdecode(cast("str", path))
    absolute = os.path.abspath(name)  # noqa: PTH100 - asks nothing of the disk
    return absolute.startswith(f"{OUTPUTS}/")


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in {"os.rename", "os.link", "os.symlink"}:
        source, target = arguments[0], arguments[1]
        if _is_mounted(source) or _is_mounted(target):
            raise OSError(EPERM, f"Azure ML's mount does not do {event}", os.fsdecode(target))
    elif event == "open":
        path, _, flags = arguments
        if isinstance(flags, int) and flags & os.O_APPEND and _is_mounted(path):
            raise OSError(EPERM, "Azure ML's mount does not append", os.fsdecode(path))


def _linger(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        path, _, flags = arguments
        creates = isinstance(flags, int) and flags & os.O_CREAT
        if creates and _is_mounted(path) and not os.path.exists(path):  # noqa: PTH110 - may be bytes
            time.sleep(FILE_SECONDS)


if OUTPUTS:
    sys.addaudithook(_refuse)
    if FILE_SECONDS:
        sys.addaudithook(_linger)
