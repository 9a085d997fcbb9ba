"""The way to the network: companies' proxies and certificates, and none of both on this machine."""

from __future__ import annotations

import os
import ssl

import certifi

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def spare_loopback() -> None:
    """Have no proxy asked for what runs on this machine; libraries differ in the name they read."""
    for variable in ("NO_PROXY", "no_proxy"):
        hosts = [host for host in os.environ.get(variable, "").split(",") if host]
        missing = [host for host in LOOPBACK if host not in hosts]
        os.environ[variable] = ",".join([*hosts, *missing])


def authorities() -> ssl.SSLContext:
    """Trust whom the system trusts or `SSL_CERT_FILE` names, beside the usual authorities."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def authorities_file() -> str:
    """Return the file of certificates for libraries that take no context."""
    named = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")
    system = ssl.get_default_verify_paths().cafile
    return named or system or certifi.where()
