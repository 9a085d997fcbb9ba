"""The app's settings: one frozen dataclass, read from the environment once.

Each field is read from the environment variable that its metadata names. A variable that is
missing without a default, or that holds an unusable value, is a start-up error which names it.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Self

from function_app.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach one storage account: by connection string, or by URL and identity.

    Follows the Functions host's own convention, since the blob trigger reads the same variables:
    `NAME` is a connection string; without it `NAME__blobServiceUri` is the account's blob
    endpoint and `NAME__clientId` the user-assigned identity, empty for the system's.
    """

    name: str
    connection_string: str = ""
    blob_service_uri: str = ""
    client_id: str = ""

    @classmethod
    def read(cls, name: str, environment: Mapping[str, str]) -> Self:
        """Read the variables that begin with `name`.

        Raises:
            SettingsError: neither form is there.
        """
        connection = cls(
            name,
            environment.get(name, ""),
            environment.get(f"{name}__blobServiceUri", ""),
            environment.get(f"{name}__clientId", ""),
        )
        if not (connection.connection_string or connection.blob_service_uri):
            raise SettingsError(
                f"{name} is not set: give it a storage connection string, or set "
                f"{name}__blobServiceUri and {name}__credential=managedidentity"
            )
        return connection


def _setting(
    variable: str, default: Any = dataclasses.MISSING, parse: Callable[[str], Any] = str
) -> Any:
    return field(default=default, metadata={"variable": variable, "parse": parse})


def _connection(variable: str) -> Any:
    return field(metadata={"connection": variable})


def _above_zero[T: (int, float)](parse: Callable[[str], T]) -> Callable[[str], T]:
    def checked(text: str) -> T:
        value = parse(text)
        if not value > 0:
            raise ValueError("must be above zero")
        return value

    return checked


_count = _above_zero(int)
_amount = _above_zero(float)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What can be set from outside.

    Attributes:
        data: account of `videos`, `styles` and `results`: what users may reach.
        jobs: account of `jobs`: plans and shards, which they may not.
        aml_subscription_id: of the Azure Machine Learning workspace.
        aml_resource_group: likewise.
        aml_workspace: its name.
        aml_compute: compute target that paints.
        aml_environment: environment of the worker, `name:version`.
        aml_endpoint: another resource manager to talk to, as a URL; empty for Azure's own.
        aml_client_id: user-assigned identity that submits jobs; empty for the system's.
        aml_nodes_max: most nodes for one job.
        aml_processes_per_node: MPI processes on a node: its GPUs.
        megapixels_per_second: what one process paints with the default style, measured.
        target_minutes: painting time to size the number of nodes for.
        job_timeout_hours: after which Azure Machine Learning ends a job.
        poll_seconds: between two looks at a running job.
        max_bytes: largest video accepted.
        max_pixels: largest frame accepted, width times height.
        max_minutes: longest video accepted.
        max_frames: most frames accepted.
        child_cpu_seconds: processor time that reading one video, or joining one, may take.
        child_memory_mib: memory likewise, in MiB.
        encoder_crf: x264's constant rate factor of the result; lower is better and larger.
        encoder_preset: x264's preset.
    """

    data: Connection = _connection("DATA")  # noqa: RUF009 - a field
    jobs: Connection = _connection("JOBS")  # noqa: RUF009 - a field
    aml_subscription_id: str = _setting("AML_SUBSCRIPTION_ID")
    aml_resource_group: str = _setting("AML_RESOURCE_GROUP")
    aml_workspace: str = _setting("AML_WORKSPACE")
    aml_compute: str = _setting("AML_COMPUTE")
    aml_environment: str = _setting("AML_ENVIRONMENT", "gpu-worker:1")
    aml_endpoint: str = _setting("AML_ENDPOINT", "")
    aml_client_id: str = _setting("AML_CLIENT_ID", "")
    aml_nodes_max: int = _setting("AML_NODES_MAX", 4, _count)
    aml_processes_per_node: int = _setting("AML_PROCESSES_PER_NODE", 1, _count)
    megapixels_per_second: float = _setting("MEGAPIXELS_PER_SECOND", 60.0, _amount)
    target_minutes: float = _setting("TARGET_MINUTES", 10.0, _amount)
    job_timeout_hours: float = _setting("JOB_TIMEOUT_HOURS", 24.0, _amount)
    poll_seconds: float = _setting("POLL_SECONDS", 15.0, _amount)
    max_bytes: int = _setting("MAX_BYTES", 20 * 2**30, _count)
    max_pixels: int = _setting("MAX_PIXELS", 4096 * 2304, _count)
    max_minutes: float = _setting("MAX_MINUTES", 180.0, _amount)
    max_frames: int = _setting("MAX_FRAMES", 1_000_000, _count)
    child_cpu_seconds: int = _setting("CHILD_CPU_SECONDS", 1800, _count)
    child_memory_mib: int = _setting("CHILD_MEMORY_MIB", 1024, _count)
    encoder_crf: int = _setting("ENCODER_CRF", 18, _count)
    encoder_preset: str = _setting("ENCODER_PRESET", "veryfast")

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Read every field from its variable; an empty variable counts as not set.

        Raises:
            SettingsError: a variable is missing or unusable.
        """
        values: dict[str, Any] = {}
        for each in dataclasses.fields(cls):
            if connection := each.metadata.get("connection"):
                values[each.name] = Connection.read(connection, environment)
            elif text := environment.get(variable := each.metadata["variable"], ""):
                values[each.name] = _parsed(variable, text, each.metadata["parse"])
            elif each.default is dataclasses.MISSING:
                raise SettingsError(f"{variable} is not set")
        return cls(**values)


def _parsed(variable: str, text: str, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        raise SettingsError(f"{variable} is set to {text!r}, which is unusable: {error}") from error


@cache
def settings() -> Settings:
    """Return the settings of this process.

    Raises:
        SettingsError: a variable is missing or unusable.
    """
    return Settings.read(os.environ)
