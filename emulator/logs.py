"""Logs of the emulator: for people on a terminal, a JSON document a line elsewhere."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO, override

from rich.console import Console
from rich.logging import RichHandler

# They have a line for each request, keys in its URL and all, or for each replay.
CHATTY = ("azure.core", "azure.identity", "durabletask", "emulator.durable", "httpx")


def configure(stream: TextIO = sys.stderr) -> None:
    """Log to a stream, as it suits who reads it; the stream is asked whether it is a terminal."""
    handler = _for_people(stream) if stream.isatty() else logging.StreamHandler(stream)
    if not stream.isatty():
        handler.setFormatter(_Json())
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[handler], force=True)
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _for_people(stream: TextIO) -> logging.Handler:
    return RichHandler(console=Console(file=stream), show_path=False, omit_repeated_times=False)


class _Json(logging.Formatter):
    """Writes a record as one line of JSON, a stack trace and all."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "job": getattr(record, "job", ""),
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["trace"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)
