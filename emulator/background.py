"""Tasks that run as long as their process, which is nothing without them."""

import asyncio
import logging
import signal
from collections.abc import Coroutine
from typing import Any

logger = logging.getLogger(__name__)


def start(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Run `work` beside the rest; where it fails, end the process, which is started again."""
    task = asyncio.create_task(work)
    task.add_done_callback(_end_if_broken)
    return task


async def stop(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _end_if_broken(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        logger.error("This cannot go on", exc_info=error)
        signal.raise_signal(signal.SIGTERM)
