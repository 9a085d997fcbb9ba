"""The emulated Azure Machine Learning endpoint: what it was sent, and what it is to do."""

import json
from typing import Any

import httpx

from emulator.config import Config


class AzureML:
    """The endpoint that runs beside the tests."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def body(self, name: str) -> dict[str, Any]:
        """Return a job's properties as they were sent."""
        record = self._config.state / "jobs" / name / "job.json"
        return json.loads(record.read_text())["body"]["properties"]

    def names(self) -> set[str]:
        """Return the names of the jobs that were submitted."""
        return {record.parent.name for record in self._config.state.glob("jobs/*/job.json")}

    def ask(self, fault: str, **order: Any) -> None:
        """Ask for a fault."""
        httpx.post(f"{self._config.aml_url}/faults/{fault}", json=order).raise_for_status()
