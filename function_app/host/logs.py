"""Logs: every line says which job it is about.

The Functions worker owns the handlers; what is added here reaches all of them: the id stands before
the sentence, for people, and is an attribute of the record, which OpenTelemetry passes on and the
emulator writes as JSON.

The worker's root logger is at INFO, and what reaches it is paid for by the gigabyte: libraries say
what went wrong, and no more.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

JOB = "job"

# The SDK says each request, the exporter each export, the worker each invocation.
QUIET = ("azure", "durabletask", "opentelemetry")

_job = ContextVar[str](JOB, default="")


@contextmanager
def about(job_id: str) -> Generator[None]:
    """Let the lines that are logged meanwhile, in this thread, be about a job."""
    before = _job.set(job_id)
    try:
        yield
    finally:
        _job.reset(before)


def install() -> None:
    """Let every record that is made from now on name its job, and libraries be quiet."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Says as an error what its caller is told by an exception, such as that a job is not there yet.
    logging.getLogger("azure.ai.ml._telemetry").setLevel(logging.CRITICAL)
    make = logging.getLogRecordFactory()

    def made(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        if (job_id := _job.get()) and not hasattr(record, JOB):
            setattr(record, JOB, job_id)
            if record.name.startswith(f"{__name__.partition('.')[0]}."):
                record.msg = f"[{job_id}] {record.msg}"
        return record

    logging.setLogRecordFactory(made)
