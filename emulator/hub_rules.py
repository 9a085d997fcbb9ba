"""What host.json says of the task hub: which instances run, and how long work stays hidden."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from emulator.host_json import time_span


@dataclass(frozen=True, slots=True)
class HubRules:
    """What host.json says of the task hub.

    Attributes:
        version: Of the host, which instances get that are started without one; empty for none.
        match: Which instances run: "CurrentOrOlder", "Strict" or "None", for all.
        orchestrators_hidden_s: Seconds for which the messages of an instance are nobody else's.
        activities_hidden_s: Seconds for which an activity is.
    """

    version: str = ""
    match: str = "CurrentOrOlder"
    orchestrators_hidden_s: float = 300.0
    activities_hidden_s: float = 300.0

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read the settings of the durable extension; what they leave out is as in Azure.

        https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-bindings#host-json

        Raises:
            ValueError: They ask for what this host does not do.
        """
        failure = settings.get("versionFailureStrategy", "Reject")
        if failure != "Reject":
            raise ValueError(f"versionFailureStrategy {failure} is not supported here.")
        storage: Mapping[str, str] = settings.get("storageProvider", {})
        orchestrators, activities = (
            time_span(storage.get(f"{queue}QueueVisibilityTimeout", "00:05:00")).total_seconds()
            for queue in ("control", "workItem")
        )
        version = settings.get("defaultVersion", "")
        match = settings.get("versionMatchStrategy", "CurrentOrOlder")
        return cls(version, match, orchestrators, activities)

    def takes(self, version: str | None) -> bool:
        """Say whether a host of these rules runs an instance of a version."""
        order = _compared(version or "", self.version)
        return self.match == "None" or order == 0 or (order < 0 and self.match != "Strict")


AS_IN_AZURE = HubRules()


def _compared(version: str, other: str) -> int:
    """Return a number below, at or above 0, as Azure compares versions: by parts or as texts.

    https://github.com/Azure/durabletask/blob/main/src/DurableTask.Core/Settings/VersioningSettings.cs
    """
    if bool(version) != bool(other):
        return 1 if version else -1
    first, second = (_parts(version), version.upper()), (_parts(other), other.upper())
    if not (first[0] and second[0]):
        first, second = first[1:], second[1:]
    return (first > second) - (first < second)


def _parts(version: str) -> list[int]:
    """Return the numbers of a version such as `1.2`; nothing where it is no such."""
    parts = version.split(".")
    numbers = 2 <= len(parts) <= 4 and all(part.isdecimal() for part in parts)
    return [int(part) for part in parts] if numbers else []
