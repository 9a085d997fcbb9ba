"""The emulated Azure Machine Learning endpoint: what it was sent, and what it is to do."""

import json
from typing import Any

import httpx
import pytest

from emulator.config import Config

# azure-ai-ml 1.35 itself uses what marshmallow 4 and the standard library will drop.
ignores_azure_ml = pytest.mark.filterwarnings("ignore::DeprecationWarning")


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
