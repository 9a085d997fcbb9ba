"""Azure on one machine: Azurite, an Azure Machine Learning endpoint and a Functions host.

    from emulator import Config, Emulator

    with Emulator(Config.on_free_ports(state)) as services:
        upload(services.config.storage, ...)

The function app and the GPU worker run in it unchanged: only the endpoints in
their settings differ from the cloud's.
"""

from emulator.config import Config
from emulator.services import EmulatorError
from emulator.supervisor import Emulator

__all__ = ["Config", "Emulator", "EmulatorError"]
