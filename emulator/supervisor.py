"""The emulator's services as child processes: started, watched, started again, ended."""

import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from emulator import azurite, processes
from emulator.config import HOST, PROJECT_ROOT, Config

START_S = 60.0
"""Seconds in which a service must answer."""

GRACE_S = 5.0
"""Seconds that a service has to end by itself."""

SHORTEST_BACK_OFF_S = 0.5
LONGEST_BACK_OFF_S = 10.0

logger = logging.getLogger(__name__)


class EmulatorError(Exception):
    """The emulator cannot run; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Service:
    """How one service is run and where it answers."""

    name: str
    command: list[str]
    cwd: Path
    environment: Mapping[str, str]
    port: int
    log: Path


class Child:
    """The process of a service, started again when it dies."""

    def __init__(self, service: Service) -> None:
        """Describe the child; `start` starts it."""
        self._service = service
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._spawning = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Process id of the service as it runs now; None before the start."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the service.

        Raises:
            EmulatorError: Its port is taken.
        """
        service = self._service
        if _answers(service.port):
            raise EmulatorError(
                f"Port {service.port} for {service.name} is in use: "
                "end what listens there, or choose another port."
            )
        self._spawn()

    def wait(self) -> None:
        """Wait until the service answers; from then on it is started again when it dies.

        Raises:
            EmulatorError: It ended, or did not answer in time.
        """
        service, process = self._service, self._process
        assert process is not None, "start() comes first"
        deadline = time.monotonic() + START_S
        while not _answers(service.port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise EmulatorError(f"{service.name} did not start: {service.log} says why.")
            time.sleep(0.05)
        threading.Thread(target=self._watch, args=(process,), daemon=True).start()
        logger.info("%s: http://%s:%d", service.name, HOST, service.port)

    def stop(self) -> None:
        """End the service: ask first, kill after the grace period."""
        with self._spawning:
            self._stopping.set()
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Start the service again whenever it ends, later each time if it keeps ending."""
        back_off_s = SHORTEST_BACK_OFF_S
        while True:
            started = time.monotonic()
            status = process.wait()
            if time.monotonic() - started > LONGEST_BACK_OFF_S:
                back_off_s = SHORTEST_BACK_OFF_S
            if self._stopping.is_set():
                return
            logger.warning(
                "%s ended with exit status %d; starting it again.", self._service.name, status
            )
            self._stopping.wait(back_off_s)
            back_off_s = min(2 * back_off_s, LONGEST_BACK_OFF_S)
            with self._spawning:
                if self._stopping.is_set():
                    return
                process = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        service = self._service
        service.log.parent.mkdir(parents=True, exist_ok=True)
        with service.log.open("ab") as log:
            self._process = subprocess.Popen(
                service.command,
                cwd=service.cwd,
                env={**os.environ, **service.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is the supervisor's alone to handle
            )
        return self._process


class Emulator:
    """All services together, as a context manager: they answer inside it, are gone after it."""

    def __init__(self, config: Config) -> None:
        """Describe the services; entering the context starts them."""
        self.config = config
        self._state = config.state.resolve()
        self._running = ExitStack()
        self.children: dict[str, Child] = {}

    def __enter__(self) -> Self:
        """Start the services side by side and wait until each answers.

        Raises:
            EmulatorError: One of them cannot be started.
        """
        services = (self._azurite(), self._azureml(), self._functions_host())
        with ExitStack() as starting:
            starting.enter_context(self._hold_state())
            processes.end(self._state, GRACE_S)  # what a killed emulator left running
            starting.callback(processes.end, self._state, GRACE_S)
            for service in services:
                child = self.children[service.name] = Child(service)
                starting.callback(child.stop)
                child.start()
            for child in self.children.values():
                child.wait()
            azurite.furnish(self.config)
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """End every process that was started, in reverse order."""
        self._running.close()

    def _hold_state(self) -> AbstractContextManager[object]:
        self._state.mkdir(parents=True, exist_ok=True)
        try:
            return FileLock(self._state / "lock").acquire(timeout=0)
        except Timeout as error:
            raise EmulatorError(
                f"An emulator runs on {self._state} already: end it, or choose another --state."
            ) from error

    def _service(
        self,
        name: str,
        command: list[str],
        port: int,
        *,
        cwd: Path = PROJECT_ROOT,
        environment: Mapping[str, str] | None = None,
    ) -> Service:
        owner = {processes.OWNER_VARIABLE: str(self._state)}
        log = self._state / "logs" / f"{name}.log"
        return Service(name, command, cwd, {**(environment or {}), **owner}, port, log)

    def _azurite(self) -> Service:
        try:
            command = azurite.command(self.config)
        except FileNotFoundError as error:
            raise EmulatorError(str(error)) from error
        return self._service("azurite", command, self.config.blob_port)

    def _azureml(self) -> Service:
        config = self.config
        command = [
            *(sys.executable, "-m", "emulator.azureml"),
            *("--port", str(config.aml_port)),
            *("--jobs", str(self._state / "jobs")),
            *("--nodes", str(config.nodes)),
            *("--storage", config.storage),
        ]
        return self._service("azureml", command, config.aml_port)

    def _functions_host(self) -> Service:
        config = self.config
        if config.core_tools:
            command, cwd = _core_tools(config), config.app_root
        else:
            command, cwd = self._own_host(), PROJECT_ROOT
        return self._service(
            "functions", command, config.port, cwd=cwd, environment=config.app_settings
        )

    def _own_host(self) -> list[str]:
        config = self.config
        return [
            *(sys.executable, "-m", "emulator.host"),
            *("--port", str(config.port)),
            *("--app", config.app),
            *("--root", str(config.app_root)),
            *("--journal", str(self._state / "taskhub.sqlite3")),
        ]


def _core_tools(config: Config) -> list[str]:
    executable = shutil.which("func")
    if executable is None:
        raise EmulatorError(
            "There is no func on PATH: install Azure Functions Core Tools 4 "
            "(npm install -g azure-functions-core-tools@4), or leave out --core-tools."
        )
    return [executable, "start", "--port", str(config.port)]


def _answers(port: int) -> bool:
    """Return whether something accepts connections on `port`."""
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False
