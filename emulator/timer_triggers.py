"""Timer triggers: functions that a schedule starts."""

import asyncio
import json
import logging
from datetime import UTC, datetime

from croniter import croniter

from emulator.functions import Function, FunctionError, resolve
from emulator.worker import Message

ON_TIME = json.dumps({"IsPastDue": False, "Schedule": {}, "ScheduleStatus": {}})
"""What the host tells of a tick."""

logger = logging.getLogger(__name__)


class TimerTrigger:
    """Keeps the schedule of one function."""

    def __init__(self, function: Function, durable_client: str) -> None:
        """Read the schedule.

        Raises:
            ValueError: It is not an NCRONTAB expression of six fields.
        """
        self._function = function
        self._durable_client = durable_client
        self._schedule = resolve(function.trigger["schedule"])
        self._on_startup = bool(function.trigger.get("runOnStartup"))
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
            await self._function.invoke(Message(json=ON_TIME), self._durable_client)
        except FunctionError as error:
            logger.error("%s", error)
