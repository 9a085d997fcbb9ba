"""A service's process: started, watched, started again when it dies, ended."""

import logging
import os
import socket
import subprocess
import threading
import time
from pathlib import Path

from emulator.config import HOST
from emulator.processes import OWNER_VARIABLE
from emulator.services import EmulatorError, Service

START_S = 60.0
"""Seconds in which a service must answer."""

GRACE_S = 5.0
"""Seconds that a service has to end by itself."""

SHORTEST_BACK_OFF_S = 0.5
LONGEST_BACK_OFF_S = 10.0

logger = logging.getLogger(__name__)


class Child:
    """The process of a service, started again when it dies."""

    def __init__(self, service: Service, owner: Path) -> None:
        """Describe the child, whose processes belong to the folder `owner`."""
        self._service = service
        self._owner = owner
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
                "end what listens there, another `make run` perhaps, or choose another port as "
                "`.venv/bin/python -m emulator --help` says."
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
                env={**os.environ, **service.environment, OWNER_VARIABLE: str(self._owner)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is the supervisor's alone to handle
            )
        return self._process


def _answers(port: int) -> bool:
    """Return whether something accepts connections on `port`."""
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False
