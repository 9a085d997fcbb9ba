"""How each service is run: its command line, its environment, its port and its log."""

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from emulator import azurite
from emulator.config import PROJECT_ROOT, Config


class EmulatorError(Exception):
    """The emulator cannot run; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Service:
    """How one service is run and where it answers.

    Attributes:
        name: For people, and for the name of its log.
        command: Program and arguments.
        port: TCP port at which it answers.
        log: File for all that it prints.
        cwd: Folder that it runs in.
        environment: Variables beside those it inherits.
    """

    name: str
    command: list[str]
    port: int
    log: Path
    cwd: Path = PROJECT_ROOT
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


def storage_service(config: Config) -> Service:
    """Describe Azurite.

    Raises:
        EmulatorError: It is not installed.
    """
    try:
        command = azurite.command(config)
    except FileNotFoundError as error:
        raise EmulatorError(str(error)) from error
    return Service("azurite", command, config.blob_port, _log(config, "azurite"))


def azureml_service(config: Config) -> Service:
    """Describe the Azure Machine Learning endpoint."""
    command = [
        *(sys.executable, "-m", "emulator.azureml"),
        *("--port", str(config.aml_port)),
        *("--jobs", str(config.state / "jobs")),
        *("--nodes", str(config.nodes)),
        *("--storage", config.storage),
        *("--slow-inputs", json.dumps(dict(config.slow_inputs))),
    ]
    return Service("azureml", command, config.aml_port, _log(config, "azureml"))


def functions_service(config: Config) -> Service:
    """Describe the Functions host: the emulator's own, or Core Tools.

    Raises:
        EmulatorError: Core Tools are asked for and not installed.
    """
    return Service(
        name="functions",
        command=_core_tools(config) if config.core_tools else _own_host(config),
        port=config.port,
        log=_log(config, "functions"),
        cwd=config.app_root if config.core_tools else PROJECT_ROOT,
        environment=config.app_settings,
    )


def event_grid_service(config: Config) -> Service:
    """Describe Event Grid."""
    behind_no_proxy = replace(config, front_port=None)
    command = [
        *(sys.executable, "-m", "emulator.event_grid"),
        *("--port", str(config.event_grid_port)),
        *("--storage", behind_no_proxy.storage),
        *("--folder", str(azurite.folder(config))),
        *("--journal", str(config.state / "events.sqlite3")),
        *("--host", config.host_url),
        f"--key={config.host_key or config.webhook_key}",
    ]
    return Service("event grid", command, config.event_grid_port, _log(config, "event_grid"))


def _own_host(config: Config) -> list[str]:
    return [
        *(sys.executable, "-m", "emulator.host"),
        *("--port", str(config.port)),
        *("--app", config.app),
        *("--root", str(config.app_root)),
        *("--journal", str(config.state / "taskhub.sqlite3")),
        f"--key={config.webhook_key}",
        *("--traces", str(config.state / "logs" / "traces.jsonl")),
    ]


def _core_tools(config: Config) -> list[str]:
    executable = shutil.which("func")
    if executable is None:
        raise EmulatorError(
            "There is no func on PATH: install Azure Functions Core Tools 4 "
            "(npm install -g azure-functions-core-tools@4), or leave out --core-tools."
        )
    return [executable, "start", "--port", str(config.port)]


def _log(config: Config, name: str) -> Path:
    return config.state / "logs" / f"{name}.log"
