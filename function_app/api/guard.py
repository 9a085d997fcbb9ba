"""Who may ask at all: no other site's page by a visitor's browser, and nobody too often.

Browsers say from where a page asks (Fetch Metadata, else `Origin`); programs say nothing. Requests
are counted by the address that Azure's front end names, in each instance of the app by itself: a
bound on what one client can make an instance do, not a quota.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from ipaddress import ip_address
from typing import cast
from urllib.parse import urlsplit

import azure.functions as func
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from function_app.errors import Code, RequestError
from function_app.settings import settings

SAFE = {"GET", "HEAD", "OPTIONS"}
OWN = {"same-origin", "none"}


class TooManyRequestsError(RequestError):
    """A client asks too often.

    Attributes:
        retry_after_s: seconds after which it may ask again.
    """

    def __init__(self, retry_after_s: int) -> None:
        """Say so."""
        super().__init__(
            HTTPStatus.TOO_MANY_REQUESTS,
            Code.TOO_MANY_REQUESTS,
            f"there were too many requests: ask again in {retry_after_s} s",
        )
        self.retry_after_s = retry_after_s


def check(req: func.HttpRequest) -> None:
    """Let a request through.

    Raises:
        RequestError: it comes from another site, or too often.
    """
    headers = cast("Mapping[str, str]", req.headers)
    if req.method.upper() not in SAFE:
        _check_site(headers, req.url)
    if client := _client(headers):
        _check_rate(client)


def _check_site(headers: Mapping[str, str], url: str) -> None:
    site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    own = {headers.get("X-Forwarded-Host"), headers.get("Host"), urlsplit(url).netloc}
    if (site and site not in OWN) or (not site and origin and urlsplit(origin).netloc not in own):
        raise RequestError(
            HTTPStatus.FORBIDDEN, Code.CROSS_SITE, "a page of another site may not ask for this"
        )


def _client(headers: Mapping[str, str]) -> str:
    """Return the address that the last proxy, which is Azure's own, saw; any before may be lies.

    Without the port, which is another for each connection: `203.0.113.7:49152` and
    `[2001:db8::1]:49152` are those of `203.0.113.7` and `2001:db8::1`.
    """
    said = headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    for text in (said, said.rpartition(":")[0].strip("[]"), said.strip("[]")):
        try:
            return ip_address(text).compressed
        except ValueError:
            continue
    return said


def _check_rate(client: str) -> None:
    limit = RateLimitItemPerMinute(settings().requests_per_minute)
    if not _limiter().hit(limit, client):
        reset = _limiter().get_window_stats(limit, client).reset_time
        raise TooManyRequestsError(max(1, math.ceil(reset - time.time())))


@cache
def _limiter() -> SlidingWindowCounterRateLimiter:
    return SlidingWindowCounterRateLimiter(MemoryStorage())
