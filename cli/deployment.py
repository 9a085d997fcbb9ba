"""Which deployment to talk to, and how to be let in."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import override

import httpx
from azure.core.exceptions import ClientAuthenticationError

from cli.client import LOCAL, Client
from cli.display import say
from cli.errors import UnreachableError
from cli.network import authorities, proxy_of
from cli.patience import Patience

TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Deployment:
    """One function app.

    Attributes:
        url: of the app.
        key: one of its function or host keys; empty for none.
        audience: application id or URI that Entra tokens are for; empty for none.
    """

    url: str = LOCAL
    key: str = ""
    audience: str = ""

    @contextmanager
    def client(self) -> Generator[Client]:
        """Give a client while the context lasts.

        Raises:
            UnreachableError: the environment names a proxy or certificates of no use.
        """
        headers = {"x-functions-key": self.key} if self.key else {}
        with httpx.Client(
            base_url=self.url.rstrip("/"),
            headers=headers,
            auth=_Entra(self.audience) if self.audience else None,
            timeout=TIMEOUT_S,
            verify=authorities(),
            proxy=proxy_of(self.url) or None,
            trust_env=False,  # of it all that counts is told above
        ) as session:
            yield Client(session, Patience(say))


class _Entra(httpx.Auth):
    """Signs requests with tokens of whoever is signed in: `az login`, an identity, a browser."""

    def __init__(self, audience: str) -> None:
        from azure.identity import DefaultAzureCredential

        # It tells of each way to sign in that is not open; what counts is whether one is.
        logging.getLogger("azure.identity").setLevel(logging.CRITICAL)
        self._audience = audience
        self._credential = DefaultAzureCredential(exclude_interactive_browser_credential=False)
        self._scope = f"{audience}/.default"

    @override
    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        try:
            token = self._credential.get_token(self._scope).token
        except ClientAuthenticationError as error:
            raise UnreachableError(
                f"nobody could be signed in for {self._audience!r}: run `az login` first, and look "
                "whether --audience is the application's id"
            ) from error
        request.headers["Authorization"] = f"Bearer {token}"
        yield request
