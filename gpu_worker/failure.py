"""Failure: what a worker that gives up leaves behind for those who started it."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from gpu_worker.errors import InputError, NoGpuError, WorkerError
from gpu_worker.files import write_first, write_whole
from gpu_worker.plan import FAILURE_NAME, Failure, PlanError

log = logging.getLogger(__name__)


@contextmanager
def reported(folder: Path | None, code: str = InputError.code) -> Generator[None]:
    """Leave `failure.json` in `folder`, if there is one, when the body of the `with` fails.

    Args:
        folder: where the file goes; None for nowhere.
        code: of a fault of the input that has none of its own.
    """
    try:
        yield
    except Exception as error:
        if folder:
            report_failure(error, folder, code)
        raise


def report_failure(
    error: BaseException, folder: Path, code: str = InputError.code, *, among_ranks: bool = False
) -> None:
    """Say what went wrong: in a sentence for people, and with all its details in the log.

    Args:
        error: for which the worker gives up.
        folder: where `failure.json` goes.
        code: of a fault of the input that has none of its own.
        among_ranks: whether others may fail at the same time; the first says why.
    """
    known = isinstance(error, WorkerError | PlanError)
    failure = Failure(
        "input" if isinstance(error, InputError) else "world",
        str(error) if known else f"The worker failed ({type(error).__name__}); its log says more.",
        _code(error, code),
    )
    log.error("giving up: %s", failure.message, exc_info=error)
    folder.mkdir(parents=True, exist_ok=True)
    write = write_first if among_ranks else write_whole
    write(folder / FAILURE_NAME, failure.to_json().encode())


def _code(error: BaseException, otherwise: str) -> str:
    if isinstance(error, NoGpuError):
        return error.code
    if not isinstance(error, InputError):
        return ""
    return otherwise if error.code == InputError.code else error.code
