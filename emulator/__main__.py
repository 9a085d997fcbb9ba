"""`python -m emulator`: run the emulator until Ctrl-C or SIGTERM."""

import argparse
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from emulator import Config, Emulator, EmulatorError, logs
from emulator.signals import end_as_interrupts

logger = logging.getLogger("emulator")


def parse_arguments(arguments: list[str] | None = None) -> Config:
    """Read the command line."""
    default = Config()
    parser = argparse.ArgumentParser(
        prog="python -m emulator",
        description="Azure on one machine: Azurite, an Azure ML endpoint, a Functions host and "
        "Event Grid.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    port, number = _from(1, 65_535), _from(1, 1000)
    parser.add_argument("--state", type=Path, default=default.state, help="folder to keep state in")
    parser.add_argument("--port", type=port, default=default.port, help="Functions host")
    parser.add_argument("--aml-port", type=port, default=default.aml_port, help="Azure ML endpoint")
    parser.add_argument(
        "--event-grid-port", type=port, default=default.event_grid_port, help="Event Grid"
    )
    parser.add_argument("--blob-port", type=port, default=default.blob_port, help="Azurite, blobs")
    parser.add_argument("--queue-port", type=port, default=default.queue_port, help="... queues")
    parser.add_argument("--table-port", type=port, default=default.table_port, help="... tables")
    parser.add_argument("--nodes", type=number, default=default.nodes, help="nodes of the cluster")
    parser.add_argument(
        "--processes-per-node",
        type=number,
        default=default.processes_per_node,
        help="MPI processes on each node",
    )
    parser.add_argument(
        "--core-tools", action="store_true", help="run `func start` in place of the Functions host"
    )
    return Config(**vars(parser.parse_args(arguments)))


def _from(least: int, most: int) -> Callable[[str], int]:
    """Return a way to read a number within bounds."""

    def read(text: str) -> int:
        if not (text.isdecimal() and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} to {most}")
        return int(text)

    return read


def main() -> int:
    """Run the services; return the exit status."""
    logs.configure()
    config = parse_arguments()
    end_as_interrupts()
    try:
        with Emulator(config):
            logger.info("Ctrl-C ends all of it; what it says is in %s.", config.state / "logs")
            logger.info("Open %s in a browser.", config.host_url)
            signal.pause()
    except EmulatorError as error:
        logger.error("%s", error)
        return 1
    except KeyboardInterrupt:
        logger.info("Ended.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
