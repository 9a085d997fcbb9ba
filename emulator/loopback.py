"""The services talk to each other on this machine alone, whatever proxy the rest of it needs."""

import os

from emulator.config import HOST


def spare_loopback() -> None:
    """Have no proxy asked for this machine, in this process and all that it starts.

    Libraries differ in the name that they read; gRPC reads the small one alone. So both get what
    either says.
    """
    variables = ("NO_PROXY", "no_proxy")
    said = [host.strip() for name in variables for host in os.environ.get(name, "").split(",")]
    hosts = dict.fromkeys(filter(None, [*said, HOST, "localhost"]))
    spared = "*" if "*" in hosts else ",".join(hosts)
    os.environ.update(dict.fromkeys(variables, spared))
