"""What the API takes and answers: JSON that is cheap to poll, redirects, pictures, problems."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import wraps
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Any, Concatenate, cast

import azure.functions as func
import grpc
from azure.core.exceptions import AzureError
from azure.storage.blob import BlobSasPermissions
from jsonschema import Draft202012Validator, ValidationError

from function_app.api import guard
from function_app.errors import Code, InputError, RequestError, ServiceError
from function_app.host import logs
from function_app.store import storage

READ_LIFETIME = timedelta(hours=1)
REVALIDATE = {"Cache-Control": "no-cache"}
NAMES = {"filename", "style", "name"}
KINDS = {
    "object": "a JSON object",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}

READ = ["GET", "HEAD"]
"""Methods of a route that reads; the host leaves the body of an answer to HEAD out."""
DOWNLOAD = "download"
ANYTHING = "*"
KEYS = {"code", "clientId"}
"""Parameters by which the Functions host itself takes a key."""

log = logging.getLogger(__name__)


type Handler[**P] = Callable[Concatenate[func.HttpRequest, P], func.HttpResponse]


def answering[**P](*parameters: str) -> Callable[[Handler[P]], Handler[P]]:
    """Guard a handler; answer what goes wrong as problem details (RFC 9457).

    Args:
        parameters: of the query that the handler takes; `ANYTHING` where it looks at none.
    """

    def answer(handler: Handler[P]) -> Handler[P]:
        @wraps(handler)
        def wrapped(req: func.HttpRequest, *args: P.args, **kwargs: P.kwargs) -> func.HttpResponse:
            with logs.about(req.route_params.get("id", "")):
                try:
                    guard.check(req)
                    _check_query(req, parameters)
                    return handler(req, *args, **kwargs)
                except RequestError as error:
                    return _problem(req, error.status, error)
                except InputError as error:
                    return _problem(req, HTTPStatus.BAD_REQUEST, error)
                except (AzureError, grpc.RpcError):
                    log.exception("%s %s cannot be answered", req.method, req.url)
                    return _problem(req, HTTPStatus.SERVICE_UNAVAILABLE, _unavailable())

        return wrapped

    return answer


def _check_query(req: func.HttpRequest, known: Sequence[str]) -> None:
    """Refuse parameters that would be ignored: who pages by another API's would never end.

    Raises:
        RequestError: there is one that is not known.
    """
    for name in req.params:
        if name not in known and name not in KEYS and ANYTHING not in known:
            there = f"known are {', '.join(known)}" if known else "none is known here"
            raise bad_request(f"there is no parameter {name!r}: {there}")


def body_of(req: func.HttpRequest, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON object that a request brings.

    Patterns of names are not looked at: who takes a name says what is wrong with it better than a
    regular expression does.

    Raises:
        RequestError: it is none, or not as the schema has it.
    """
    try:
        body = req.get_json()
    except ValueError as error:
        raise bad_request("the body is not JSON") from error
    for error in Draft202012Validator(schema).iter_errors(body):
        if error.validator != "pattern" or NAMES.isdisjoint(error.path):
            raise bad_request(_wrong(error))
    return body


def _wrong(error: ValidationError) -> str:
    """Say what is wrong with a value as people would."""
    field = ".".join(map(str, error.path)) or "the body"
    value: Any = error.instance
    bound: Any = error.validator_value
    shown = repr(value)
    match error.validator:
        case "required":
            missing = next(name for name in bound if name not in value)
            return f"{missing} is missing from {field}"
        case "additionalProperties":
            known = cast("Mapping[str, Any]", error.schema)["properties"]
            other = next(name for name in value if name not in known)
            return f"there is no field {other!r}: known are {', '.join(known)}"
        case "enum":
            return f"{field} must be one of {', '.join(bound)}, not {shown}"
        case "type":
            return f"{field} must be {KINDS.get(str(bound), str(bound))}, not {shown}"
        case "minimum":
            return f"{field} must be {bound} or more, not {shown}"
        case "maximum":
            return f"{field} must be {bound} or less, not {shown}"
        case "maxLength":
            return f"{field} must have {bound} characters or fewer, not {len(value)}"
        case "minLength":
            return f"{field} is empty"
        case _:
            return f"{field} cannot be {shown}"


def as_json(body: Any, status: HTTPStatus = HTTPStatus.OK) -> func.HttpResponse:
    """Answer with a JSON document."""
    return func.HttpResponse(
        _dumped(body), status_code=status, mimetype="application/json", headers=REVALIDATE
    )


def as_polled_json(req: func.HttpRequest, body: Any, same: Any) -> func.HttpResponse:
    """Answer with a JSON document, or with 304 where the client has the like of it.

    Args:
        req: may name what the client has in `If-None-Match`.
        body: of the answer.
        same: what of it must change for the document to count as another; the tag is a weak one.
    """
    tag = f'W/"{hashlib.sha256(_dumped(same).encode()).hexdigest()[:32]}"'
    headers = REVALIDATE | {"ETag": tag}
    sent = cast("Mapping[str, str]", req.headers)
    known = sent.get("If-None-Match", "").split(",")
    if {each.strip() for each in known} & {tag, "*"}:
        return func.HttpResponse(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return func.HttpResponse(_dumped(body), mimetype="application/json", headers=headers)


def as_link(
    req: func.HttpRequest, container: str, blob_name: str, save_as: str = ""
) -> func.HttpResponse:
    """Redirect to a blob, by a URL that reads it and nothing else for an hour.

    Args:
        req: one that accepts `application/json` gets the URL in a document instead, for clients
            that cannot look into a redirect, as scripts in a browser; one with `?download=true`
            gets a URL that browsers save the blob from.
        container: of the blob.
        blob_name: within the container.
        save_as: name for that; by default the blob's own.

    Raises:
        RequestError: `download` is neither true nor false.
    """
    blob = storage.blob(container, blob_name)
    name = (save_as or PurePosixPath(blob_name).name) if flag(req, DOWNLOAD) else None
    url = storage.signed_url(blob, BlobSasPermissions(read=True), READ_LIFETIME, save_as=name)
    headers = {"Cache-Control": "no-store", "Vary": "Accept"}
    if req.headers.get("Accept") == "application/json":
        body = _dumped({"url": url})
        return func.HttpResponse(body, mimetype="application/json", headers=headers)
    headers["Location"] = url
    return func.HttpResponse(status_code=HTTPStatus.FOUND, headers=headers)


def flag(req: func.HttpRequest, name: str) -> bool:
    """Return what a parameter of the query says; False where it is not there.

    Raises:
        RequestError: it is neither true nor false.
    """
    said = req.params.get(name, "false")
    if said not in {"true", "false"}:
        raise bad_request(f"{name} must be true or false, not {said!r}")
    return said == "true"


def as_jpeg(image: bytes, headers: Mapping[str, str] = REVALIDATE) -> func.HttpResponse:
    """Answer with a picture."""
    return func.HttpResponse(image, mimetype="image/jpeg", headers=dict(headers))


def bad_request(message: str) -> RequestError:
    """Return the error for a request that says what it may not say."""
    return RequestError(HTTPStatus.BAD_REQUEST, Code.BAD_REQUEST, message)


def _unavailable() -> ServiceError:
    return ServiceError("a service that the answer needs does not answer", Code.UNAVAILABLE)


def _problem(
    req: func.HttpRequest, status: HTTPStatus, error: InputError | ServiceError | RequestError
) -> func.HttpResponse:
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "code": error.code,
        "detail": str(error),
        "action": None if isinstance(error, InputError) else error.code.action,
        "job": req.route_params.get("id"),
    }
    wait = error.retry_after_s if isinstance(error, guard.TooManyRequestsError) else None
    return func.HttpResponse(
        _dumped(body),
        status_code=status,
        mimetype="application/problem+json",
        headers={"Retry-After": str(wait)} if wait else None,
    )


def _dumped(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False)
