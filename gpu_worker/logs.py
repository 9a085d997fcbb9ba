"""Logs of the worker: for people on a terminal, a JSON document a line elsewhere."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO, override


def configure(rank: int, stream: TextIO = sys.stderr) -> None:
    """Log to a stream, as it suits who reads it.

    Args:
        rank: of this process, for each line.
        stream: is asked whether it is a terminal.
    """
    handler = logging.StreamHandler(stream)
    human = logging.Formatter(f"%(asctime)s rank {rank} %(levelname)s %(message)s")
    handler.setFormatter(human if stream.isatty() else _Json(rank))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def about(job_id: str) -> None:
    """Let every line from now on name the job; a process has but one."""
    _Json.job_id = job_id


class _Json(logging.Formatter):
    """Writes a record as one line of JSON, a stack trace and all."""

    job_id = ""

    def __init__(self, rank: int) -> None:
        super().__init__()
        self._rank = rank

    @override
    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "job": self.job_id,
            "rank": self._rank,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["trace"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)
