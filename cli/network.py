"""The way to the network: companies' proxies and certificates, and none of both on this machine."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any, override
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
from requests import Session
from requests.adapters import HTTPAdapter

from cli.errors import UnreachableError

LOOPBACK = ("localhost", "127.0.0.1", "::1")
SPARED = ("NO_PROXY", "no_proxy")
"""Variables that name hosts for which no proxy is asked; libraries differ in the one they read."""
EVERYWHERE = "*"
TRUSTED = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""Variables that name a file of certificates; what is installed on a machine differs likewise."""


def spare_loopback() -> None:
    """Have no proxy asked for what runs on this machine, nor for what either variable spares."""
    said = [host.strip() for name in SPARED for host in os.environ.get(name, "").split(",")]
    hosts = dict.fromkeys(filter(None, [*said, *LOOPBACK]))
    spared = EVERYWHERE if EVERYWHERE in hosts else ",".join(hosts)
    os.environ.update(dict.fromkeys(SPARED, spared))


def proxy_of(url: str) -> str:
    """Return the proxy by which a URL is asked for; empty where there is none.

    Raises:
        UnreachableError: it is one of a kind that cannot be asked.
    """
    place, proxies = urlsplit(url), getproxies()
    proxy = proxies.get(place.scheme) or proxies.get("all", "")
    if not proxy or proxy_bypass(place.hostname or ""):
        return ""
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if urlsplit(proxy).scheme not in {"http", "https"}:
        raise UnreachableError(
            f"{url} is asked for by the proxy {without_password(proxy)}, and only HTTP proxies can "
            f"be asked: name one in {place.scheme.upper()}_PROXY, or the host in NO_PROXY"
        )
    return proxy


def without_password(url: str) -> str:
    """Return a URL as it may be shown."""
    name, at, rest = url.rpartition("@")
    return f"{urlsplit(name).scheme}://{rest}" if at else url


def authorities() -> ssl.SSLContext:
    """Trust whom the system trusts, whom a variable names, and the usual authorities.

    Raises:
        UnreachableError: a variable names no certificates.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    for name in TRUSTED:
        if place := os.environ.get(name):
            _trust(context, name, Path(place))
    return context


def _trust(context: ssl.SSLContext, name: str, place: Path) -> None:
    """Trust the certificates in a file, or in a folder as OpenSSL keeps them."""
    try:
        if place.is_dir():
            context.load_verify_locations(capath=place)
        else:
            context.load_verify_locations(place)
    except OSError as error:
        raise UnreachableError(
            f"{name} names {place}, and there are no certificates: "
            "name a file of them as text (PEM), or leave the variable unset"
        ) from error


def session() -> Session:
    """Return a session for libraries that ask by requests, which trusts the same authorities."""
    made = Session()
    made.mount("https://", _Trusting())
    return made


class _Trusting(HTTPAdapter):
    """Asks with a context of its own, to which requests adds whom it trusts itself."""

    def __init__(self) -> None:
        """Read the certificates once: whoever asks by a proxy does so for each request."""
        self._context = authorities()
        super().__init__()

    @override
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, ssl_context=self._context)

    @override
    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return super().proxy_manager_for(proxy, **options, ssl_context=self._context)
