"""Waiting for a server to listen."""

import socket
import time


def wait_for_port(port: int) -> None:
    """Wait until something accepts connections on a port of this machine."""
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "nothing listens"
            time.sleep(0.05)
        else:
            return
