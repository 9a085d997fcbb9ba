"""The whole emulator: its services started together and ended together."""

from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Self

from filelock import FileLock, Timeout

from emulator import azurite, processes
from emulator.child import GRACE_S, Child
from emulator.config import Config
from emulator.loopback import spare_loopback
from emulator.services import (
    EmulatorError,
    Service,
    azureml_service,
    event_grid_service,
    functions_service,
    storage_service,
)


class Emulator:
    """All services together, as a context manager: they answer inside it, are gone after it.

    Attributes:
        config: What they are made of, with the state's folder made absolute.
        children: Their processes, by the service's name.
    """

    def __init__(self, config: Config) -> None:
        """Describe the services; entering the context starts them."""
        self.config = replace(config, state=config.state.resolve())
        self.children: dict[str, Child] = {}
        self._running = ExitStack()

    def __enter__(self) -> Self:
        """Start the storage, then the services that need it.

        Raises:
            EmulatorError: One of them cannot be started.
        """
        spare_loopback()
        config, state = self.config, self.config.state
        storage, azureml, functions, event_grid = (
            describe(config)
            for describe in (
                storage_service,
                azureml_service,
                functions_service,
                event_grid_service,
            )
        )
        with ExitStack() as starting:
            starting.enter_context(self._hold_state())
            processes.end(state, GRACE_S)  # what a killed emulator left running
            starting.callback(processes.end, state, GRACE_S)
            self._start(starting, storage)
            azurite.furnish(config)
            self._start(starting, azureml, functions, event_grid)
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """End every process that was started, in reverse order."""
        self._running.close()

    def _hold_state(self) -> AbstractContextManager[object]:
        state = self.config.state
        state.mkdir(parents=True, exist_ok=True)
        try:
            return FileLock(state / "lock").acquire(timeout=0)
        except Timeout as error:
            raise EmulatorError(
                f"An emulator runs on {state} already: end it, or choose another --state."
            ) from error

    def _start(self, starting: ExitStack, *services: Service) -> None:
        """Start services side by side; have them stopped when `starting` is closed."""
        children = {service.name: Child(service, self.config.state) for service in services}
        for child in children.values():
            starting.callback(child.stop)
            child.start()
        for child in children.values():
            child.wait()
        self.children.update(children)
