"""Styles: which there are, how they look, and how another is added."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

import azure.durable_functions as df
import azure.functions as func

from function_app.api.answers import (
    READ,
    answering,
    as_jpeg,
    as_json,
    as_polled_json,
    bad_request,
    body_of,
)
from function_app.api.jobs import Client
from function_app.api.schemas import STYLE_REQUEST, STYLE_SUFFIXES
from function_app.api.uploads import LIFETIME, as_leave, check_size, properties
from function_app.errors import Code, InputError, RequestError
from function_app.execution import CANCEL_EVENT
from function_app.settings import settings
from function_app.store import paths, storage, styles
from function_app.store.paths import StyleSource
from function_app.store.styles import State, Style

blueprint = df.Blueprint()

HEADERS = {"x-ms-blob-type": "BlockBlob"}
LEARNT_NOW = ", which is being learnt"
PAINTING, THUMBNAIL = "painting", "thumbnail"
PICTURES = {PAINTING: "picture", THUMBNAIL: "thumbnail"}
"""Names in the metadata of a style's file, see gpu_worker/styles/model.py."""
FOR_A_MINUTE = {"Cache-Control": "max-age=60"}
JPEG = b"\xff\xd8"


@blueprint.route(route="api/styles", methods=READ)
@answering()
def get_styles(req: func.HttpRequest) -> func.HttpResponse:
    """List the styles that there are, and those that are being made."""
    body = {"styles": [_view(style) for style in styles.all_styles()]}
    return as_polled_json(req, body, body)


@blueprint.route(route="api/styles", methods=["POST"])
@answering()
def post_style(req: func.HttpRequest) -> func.HttpResponse:
    """Answer with a URL to which a painting or checkpoint may be written, to become a style."""
    fields = body_of(req, STYLE_REQUEST)
    name, md5, size = fields["name"], fields.get("md5", ""), int(fields["bytes"])
    if not size:
        message = f"{fields['filename']} is empty: upload a whole one"
        raise InputError(message, Code.UNUSABLE_PAINTING)
    check_size(fields["filename"], size, settings().max_style_bytes)
    source = StyleSource(name + _suffix(fields["filename"]))
    source.check()
    styles.check_name(source.style)
    there = styles.find(source.style)
    if there and there.job_id and md5 and styles.has_source(source.style, md5):
        return as_json({"blob": source.blob, "job": there.job_id})
    if there and there.state is not State.FAILED and not fields.get("replace", False):
        message = f"there is a style {name!r} already{LEARNT_NOW if there.job_id else ''}"
        raise RequestError(HTTPStatus.CONFLICT, Code.STYLE_EXISTS, message)
    blob = storage.blob(paths.STYLES, source.blob)
    headers = HEADERS | ({"x-ms-blob-content-md5": md5} if md5 else {})
    return as_leave(blob, properties(blob), datetime.now(UTC) + LIFETIME, headers)


@blueprint.route(route="api/styles/{name}", methods=["DELETE"])
@blueprint.durable_client_input(client_name="client")
@answering()
def delete_style(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Forget a style, or end its making; videos that are painted in it stay."""
    name = req.route_params["name"]
    style = styles.find(name)
    if style is None:
        raise RequestError(HTTPStatus.NOT_FOUND, Code.NO_STYLE, f"there is no style {name!r}")
    styles.forget(name)
    if style.job_id and client.get_orchestration_state(style.job_id):
        client.raise_orchestration_event(style.job_id, CANCEL_EVENT)
    return func.HttpResponse(status_code=HTTPStatus.NO_CONTENT)


@blueprint.route(route="api/styles/{name}/painting", methods=READ)
@answering()
def get_painting(req: func.HttpRequest) -> func.HttpResponse:
    """Answer with the painting that a style was learnt from."""
    return _answer_picture(req, PAINTING)


@blueprint.route(route="api/styles/{name}/thumbnail", methods=READ)
@answering()
def get_thumbnail(req: func.HttpRequest) -> func.HttpResponse:
    """Answer with a landscape that is painted in a style."""
    return _answer_picture(req, THUMBNAIL)


def _answer_picture(req: func.HttpRequest, kind: str) -> func.HttpResponse:
    name = req.route_params["name"]
    style = styles.find(name)
    if style is None:
        raise RequestError(HTTPStatus.NOT_FOUND, Code.NO_STYLE, f"there is no style {name!r}")
    image = _picture(style, kind)
    if image is None:
        message = f"the style {name!r} has no {kind}"
        raise RequestError(HTTPStatus.NOT_FOUND, Code.NO_PICTURE, message)
    return as_jpeg(image, FOR_A_MINUTE)


def _path_of(style: Style, kind: str) -> str | None:
    """Return the path of a picture of a style, if it has such a one."""
    there = _picture(style, kind) is not None
    return f"/api/styles/{quote(style.name, safe='')}/{kind}" if there else None


def _view(style: Style) -> dict[str, Any]:
    """Return the JSON of a style."""
    return {
        "name": style.name,
        "state": style.state,
        "painting": _path_of(style, PAINTING),
        "thumbnail": _path_of(style, THUMBNAIL),
        "flop_per_pixel": style.flop_per_pixel,
        "kind": "lines" if style.makes_lines else "frames",
        "message": style.message,
        "job": style.job_id,
        "shipped": styles.is_shipped(style.name),
    }


def _picture(style: Style, kind: str) -> bytes | None:
    """Return a JPEG in a style's file, if there is one; a file may say anything."""
    try:
        image = base64.b64decode(style.metadata.get(PICTURES[kind], ""))
    except (binascii.Error, ValueError):
        return None
    return image if image.startswith(JPEG) else None


def _suffix(filename: str) -> str:
    suffix = PurePosixPath(filename).suffix.lower()
    if suffix not in STYLE_SUFFIXES:
        endings = ", ".join(STYLE_SUFFIXES)
        raise bad_request(f"a style is made of a file that ends in {endings}, not of {filename!r}")
    return suffix
