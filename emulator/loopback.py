"""The services talk to each other on this machine alone, whatever proxy the rest of it needs."""

import os

from emulator.config import HOST


def spare_loopback() -> None:
    """Have no proxy asked for this machine, in this process and all that it starts.

    Libraries differ in the name that they read; gRPC reads the small one alone.
    """
    for variable in ("NO_PROXY", "no_proxy"):
        hosts = [host for host in os.environ.get(variable, "").split(",") if host]
        missing = [host for host in (HOST, "localhost") if host not in hosts]
        os.environ[variable] = ",".join([*hosts, *missing])
