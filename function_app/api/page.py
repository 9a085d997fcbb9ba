"""The page: files of function_app/page, served as they are, and allowed nothing but their work.

The policy lets the browser run and show what this app serves, talk to this app, upload to the
account of the videos and play from there. Text never becomes markup: no script may even try.
"""

from __future__ import annotations

import hashlib
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import azure.durable_functions as df
import azure.functions as func

from function_app.api.answers import READ
from function_app.store import paths, storage

blueprint = df.Blueprint()

FOLDER = Path(__file__).parents[1] / "page"
TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}
# The Functions host would give an empty route the function's name.
# https://github.com/Azure/Azure-Functions/issues/2473
ROOT = "{nothing:maxlength(0)?}"


@blueprint.route(route=ROOT, methods=READ, auth_level=func.AuthLevel.ANONYMOUS)
def get_page(req: func.HttpRequest) -> func.HttpResponse:
    """Answer with the page."""
    return _file(req, "index.html")


@blueprint.route(route="assets/{file}", methods=READ, auth_level=func.AuthLevel.ANONYMOUS)
def get_asset(req: func.HttpRequest) -> func.HttpResponse:
    """Answer with a file that the page is made of."""
    return _file(req, req.route_params["file"])


def _file(req: func.HttpRequest, name: str) -> func.HttpResponse:
    file = {each.name: each for each in FOLDER.iterdir()}.get(name)
    if file is None:
        return func.HttpResponse(status_code=HTTPStatus.NOT_FOUND)
    content = file.read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = _headers() | {"ETag": tag}
    if req.headers.get("If-None-Match") == tag:
        return func.HttpResponse(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return func.HttpResponse(content, mimetype=TYPES[file.suffix], headers=headers)


def _headers() -> dict[str, str]:
    return {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": _policy(),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


def _policy() -> str:
    """Return the content security policy: https://www.w3.org/TR/CSP3/."""
    account = "{0.scheme}://{0.netloc}".format(urlsplit(storage.container(paths.VIDEOS).url))
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' blob:",
            f"media-src {account}",
            f"connect-src 'self' {account}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )
