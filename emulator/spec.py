"""What an Azure ML command job asks for, read from the JSON that the resource manager takes."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import isodate

from emulator.mount import DatastorePath, MountError

_PLACEHOLDER = re.compile(r"\$\{\{\s*([\w.-]+)\s*\}\}")


class InvalidJobError(Exception):
    """The job cannot be accepted; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Binding:
    """An input or output: its name in the command line and the datastore path it stands for."""

    name: str
    path: DatastorePath
    is_file: bool


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What a command job asks for.

    Attributes:
        command: Program and arguments, with placeholders such as `${{inputs.video}}`. The
            command line is split by a shell's rules but run without one, so no file name is
            ever interpreted, and operators such as `&&` do not exist.
        inputs: What is brought to disk before the start.
        outputs: Folders that are written back.
        nodes: Number of nodes.
        processes: MPI processes on all nodes together.
        environment: Environment variables of the processes.
        timeout_s: Longest run, in seconds; None for no limit.
    """

    command: tuple[str, ...]
    inputs: tuple[Binding, ...]
    outputs: tuple[Binding, ...]
    nodes: int
    processes: int
    environment: Mapping[str, str]
    timeout_s: float | None

    @classmethod
    def from_arm(cls, properties: Mapping[str, Any]) -> Self:
        """Read the `properties` of a job resource.

        Raises:
            InvalidJobError: A property is missing or cannot be read.
        """
        try:
            resources: dict[str, Any] = properties.get("resources") or {}
            distribution: dict[str, Any] = properties.get("distribution") or {}
            limits: dict[str, Any] = properties.get("limits") or {}
            nodes = int(resources.get("instanceCount") or 1)
            return cls(
                command=tuple(shlex.split(properties["command"])),
                inputs=_bindings(properties.get("inputs"), "jobInputType"),
                outputs=_bindings(properties.get("outputs"), "jobOutputType"),
                nodes=nodes,
                processes=nodes * int(distribution.get("processCountPerInstance") or 1),
                environment=properties.get("environmentVariables") or {},
                timeout_s=_seconds(limits.get("timeout")),
            )
        except (KeyError, TypeError, ValueError, MountError) as error:
            raise InvalidJobError(f"The job cannot be read: {error!r}") from error

    def arguments(self, paths: Mapping[str, Path]) -> list[str]:
        """Return the command with each placeholder replaced by its path on disk.

        Args:
            paths: By placeholder, such as `inputs.video`, where it lies.
        """
        return [
            _PLACEHOLDER.sub(lambda match: str(paths[match[1]]), argument)
            for argument in self.command
        ]


def _bindings(bindings: Mapping[str, Any] | None, type_key: str) -> tuple[Binding, ...]:
    return tuple(
        Binding(name, DatastorePath.parse(value["uri"]), value[type_key] == "uri_file")
        for name, value in (bindings or {}).items()
    )


def _seconds(duration: str | None) -> float | None:
    """Convert an ISO 8601 duration such as `PT1H`."""
    return isodate.parse_duration(duration).total_seconds() if duration else None
