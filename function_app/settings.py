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
from function_app.gpus import CURRENCY, NODES, UNKNOWN_RATE


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach one storage account: by connection string, or by URL and identity.

    Follows the Functions host's own convention, since the blob trigger reads the same variables:
    `NAME` is a connection string; without it `NAME__blobServiceUri` is the account's blob
    endpoint, `NAME__queueServiceUri` that of its queues, and `NAME__clientId` the user-assigned
    identity, empty for the system's.
    """

    name: str
    connection_string: str = ""
    blob_service_uri: str = ""
    client_id: str = ""
    queue_service_uri: str = ""

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
            environment.get(f"{name}__queueServiceUri", ""),
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


def _one_of(*choices: str) -> Callable[[str], str]:
    def checked(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return text

    return checked


def _count_or_none(text: str) -> int:
    return _count(text) if text != "0" else 0


_count = _above_zero(int)
_amount = _above_zero(float)

DEDICATED = "Dedicated"
LOW_PRIORITY = "LowPriority"


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
        aml_instance_type: of a Kubernetes compute target; empty for a cluster of nodes.
        aml_sku: size of its nodes, one of those in gpus.json; empty for one that is not there.
        aml_tier: Dedicated, or LowPriority where nodes may be taken away in the middle of a job.
        aml_environment: environment of the worker, `name:version`.
        aml_endpoint: another resource manager to talk to, as a URL; empty for Azure's own.
        aml_client_id: user-assigned identity that submits jobs; empty for the system's.
        aml_nodes_max: most nodes for one job.
        aml_processes_per_node: MPI processes on a node: its GPUs.
        megapixels_per_second: what one process paints of the default style; None for the rate of
            `aml_sku` in gpus.json.
        node_price_per_hour: in `price_currency`; None for the price of `aml_sku` in gpus.json.
        price_currency: name of the currency, ISO 4217.
        max_cost_per_job: most that painting one video may cost; None for no limit.
        max_cost_per_day: most that is started in a day of UTC; None for no limit.
        max_preemptions: how often the nodes of one job may be taken away before it fails.
        target_minutes: painting time to size the number of nodes for.
        job_timeout_hours: after which Azure Machine Learning ends a job.
        poll_seconds: between two looks at a running job.
        restart_seconds: that ending a painting and starting it with other nodes takes: what is
            short, and when a change is worth it, is measured by it.
        max_bytes: largest video accepted.
        max_pixels: largest frame accepted, width times height.
        max_minutes: longest video accepted.
        max_frames: most frames accepted.
        jobs_at_once: jobs that are painted at the same time, where there are nodes for so many.
        jobs_per_day: jobs that may start in a day (UTC); further ones are refused.
        missed_after_minutes: after which an upload without a job is taken for one whose event got
            lost, and its job is started.
        purge_after_days: after its end, until a job's instance is purged from the task hub with its
            history; 0 for never. Its result stays.
        requests_per_minute: of one client to one instance of the app; further ones are refused.
        child_cpu_seconds: processor time that reading one video, or joining one, may take.
        child_memory_mib: memory likewise, in MiB.
        max_style_bytes: largest painting or checkpoint accepted.
        learn_minutes: that a painting is learnt, at most.
        learn_options: further options of gpu_worker.learn, as its command line takes them.
        swatches: other styles in which a job paints one small frame, for who chooses the next;
            0 for none.
        encoder: libx264, or h264_nvenc on nodes whose GPUs have NVENC (T4, A10; not A100, H100).
        encoder_crf: x264's constant rate factor of the result; lower is better and larger.
        encoder_preset: x264's preset.
    """

    data: Connection = _connection("DATA")  # noqa: RUF009 - a field
    jobs: Connection = _connection("JOBS")  # noqa: RUF009 - a field
    aml_subscription_id: str = _setting("AML_SUBSCRIPTION_ID")
    aml_resource_group: str = _setting("AML_RESOURCE_GROUP")
    aml_workspace: str = _setting("AML_WORKSPACE")
    aml_compute: str = _setting("AML_COMPUTE")
    aml_instance_type: str = _setting("AML_INSTANCE_TYPE", "")
    aml_sku: str = _setting("AML_SKU", "", _one_of(*NODES))
    aml_tier: str = _setting("AML_TIER", DEDICATED, _one_of(DEDICATED, LOW_PRIORITY))
    aml_environment: str = _setting("AML_ENVIRONMENT", "gpu-worker:1")
    aml_endpoint: str = _setting("AML_ENDPOINT", "")
    aml_client_id: str = _setting("AML_CLIENT_ID", "")
    aml_nodes_max: int = _setting("AML_NODES_MAX", 4, _count)
    aml_processes_per_node: int = _setting("AML_PROCESSES_PER_NODE", 1, _count)
    megapixels_per_second: float | None = _setting("MEGAPIXELS_PER_SECOND", None, _amount)
    node_price_per_hour: float | None = _setting("NODE_PRICE_PER_HOUR", None, _amount)
    price_currency: str = _setting("PRICE_CURRENCY", CURRENCY)
    max_cost_per_job: float | None = _setting("MAX_COST_PER_JOB", None, _amount)
    max_cost_per_day: float | None = _setting("MAX_COST_PER_DAY", None, _amount)
    max_preemptions: int = _setting("MAX_PREEMPTIONS", 10, _count)
    target_minutes: float = _setting("TARGET_MINUTES", 10.0, _amount)
    job_timeout_hours: float = _setting("JOB_TIMEOUT_HOURS", 24.0, _amount)
    poll_seconds: float = _setting("POLL_SECONDS", 15.0, _amount)
    restart_seconds: float = _setting("RESTART_SECONDS", 60.0, _amount)
    max_bytes: int = _setting("MAX_BYTES", 20 * 2**30, _count)
    max_pixels: int = _setting("MAX_PIXELS", 4096 * 2304, _count)
    max_minutes: float = _setting("MAX_MINUTES", 180.0, _amount)
    max_frames: int = _setting("MAX_FRAMES", 1_000_000, _count)
    jobs_at_once: int = _setting("JOBS_AT_ONCE", 20, _count)
    jobs_per_day: int = _setting("JOBS_PER_DAY", 1000, _count)
    missed_after_minutes: float = _setting("MISSED_AFTER_MINUTES", 5.0, _amount)
    purge_after_days: int = _setting("PURGE_AFTER_DAYS", 30, _count_or_none)
    requests_per_minute: int = _setting("REQUESTS_PER_MINUTE", 600, _count)
    child_cpu_seconds: int = _setting("CHILD_CPU_SECONDS", 1800, _count)
    child_memory_mib: int = _setting("CHILD_MEMORY_MIB", 1024, _count)
    max_style_bytes: int = _setting("MAX_STYLE_BYTES", 2**28, _count)
    learn_minutes: float = _setting("LEARN_MINUTES", 10.0, _amount)
    learn_options: str = _setting("LEARN_OPTIONS", "")
    swatches: int = _setting("SWATCHES", 8, _count_or_none)
    encoder: str = _setting("ENCODER", "libx264", _one_of("libx264", "h264_nvenc"))
    encoder_crf: int = _setting("ENCODER_CRF", 18, _count)
    encoder_preset: str = _setting("ENCODER_PRESET", "veryfast")

    def __post_init__(self) -> None:
        """Refuse a limit of cost that could not be held.

        Raises:
            SettingsError: the price of a node is not known, or known in another currency.
        """
        if self.price is None and (self.max_cost_per_job or self.max_cost_per_day):
            raise SettingsError(
                "NODE_PRICE_PER_HOUR is not set, without which MAX_COST_PER_JOB and "
                "MAX_COST_PER_DAY mean nothing: set it in the currency of PRICE_CURRENCY"
            )

    @property
    def rate(self) -> float:
        """Megapixels a second that one process paints of the default style."""
        node = NODES.get(self.aml_sku)
        return self.megapixels_per_second or (node.rate if node else UNKNOWN_RATE)

    @property
    def price(self) -> float | None:
        """Of one node for an hour, in `price_currency`; None if not known."""
        node = NODES.get(self.aml_sku)
        if self.node_price_per_hour or node is None or self.price_currency != CURRENCY:
            return self.node_price_per_hour
        return node.dollars_low_priority if self.aml_tier == LOW_PRIORITY else node.dollars

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
