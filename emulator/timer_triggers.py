"""Timer triggers: functions that a schedule starts."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

from azure.functions.timer import TimerRequest
from croniter import croniter

from emulator.functions import Function, resolve

logger = logging.getLogger(__name__)


class TimerTrigger:
    """Keeps the schedule of one function."""

    def __init__(self, function: Function, durable_client: str) -> None:
        """Read the schedule.

        Raises:
            ValueError: It is not an NCRONTAB expression of six fields.
        """
        trigger: Any = function.trigger
        self._function = function
        self._durable_client = durable_client
        self._schedule = resolve(trigger.schedule)
        self._on_startup = bool(trigger.run_on_startup)
        if len(self._schedule.split()) != 6 or not croniter.is_valid(
            self._schedule, second_at_beginning=True
        ):
            raise ValueError(f"{function.name}: '{self._schedule}' is not an NCRONTAB schedule.")

    async def run(self) -> None:
        """Invoke the function at each moment of the schedule, in UTC, without end.

        Runs never overlap: a moment that passes during a run is left out.
        """
        if self._on_startup:
            await self._invoke()
        while True:
            now = datetime.now(UTC)
            moments = croniter(self._schedule, now, second_at_beginning=True)
            await asyncio.sleep((moments.get_next(datetime) - now).total_seconds())
            await self._invoke()

    async def _invoke(self) -> None:
        try:
            await self._function.invoke(TimerRequest(past_due=False), self._durable_client)
        except Exception:
            logger.exception("Function %s failed", self._function.name)
