"""The description of the API, OpenAPI 3.1, made of the code's own names and limits.

An operation's id is the name of the function that answers it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from function_app.api.answers import DOWNLOAD, READ, answering, as_polled_json
from function_app.api.listing import DEFAULT_TOP, MOST_TOP
from function_app.api.page import TYPES
from function_app.api.schemas import COMPONENTS, STATUS, Schema

blueprint = df.Blueprint()

VERSION = "1.0.0"
JSON = "application/json"


@blueprint.route(route="api/openapi.json", methods=READ)
@answering()
def get_openapi(req: func.HttpRequest) -> func.HttpResponse:
    """Answer with the description of the API."""
    return as_polled_json(req, document(), document())


@cache
def document() -> Schema:
    """Return the description as an OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Atelier",
            "version": VERSION,
            "description": "Give it a video and a painting; it gives the video back, painted.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"key": []}, {"entra": []}],
        "paths": {**_page(), **_styles(), **_uploads(), **_jobs(), **_media()},
        "components": {
            "schemas": COMPONENTS,
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "x-functions-key"},
                "entra": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _page() -> Schema:
    page = _file("the page", "text/html")
    asset = _file("a file that the page is made of", *sorted(TYPES.values()))
    none = {"404": {"description": "there is no such file"}}
    described = _json("this document", {"type": "object"}, polled=True)
    return {
        "/": {"get": _operation("get_page", "The page", page, [_IF_NONE_MATCH])},
        "/assets/{file}": {
            "parameters": [_in_path("file")],
            "get": _operation("get_asset", "A part of the page", asset | none, [_IF_NONE_MATCH]),
        },
        "/api/openapi.json": {
            "get": _operation("get_openapi", "This description", described, [_IF_NONE_MATCH])
        },
    }


def _styles() -> Schema:
    listed = _json("the styles", _ref("Styles"), polled=True)
    style = _upload("post_style", "Ask where to put what becomes a style", "StyleRequest")
    style["responses"] |= _json("the same is being made a style", _ref("Uploaded"))
    style["responses"] |= _problems({409: "there is a style of that name"})
    pictures = {"painting": "What a style was learnt from", "thumbnail": "How a style paints"}
    return {
        "/api/styles": {
            "get": _operation("get_styles", "Styles there are", listed, [_IF_NONE_MATCH]),
            "post": style,
        },
        "/api/styles/{name}": {
            "parameters": [_in_path("name")],
            "delete": _operation(
                "delete_style",
                "Forget a style, or end its making",
                {
                    "204": {"description": "the style is gone"},
                    **_problems({400: "Atelier comes with it", 404: "there is no such style"}),
                },
            ),
        },
        **{
            f"/api/styles/{{name}}/{kind}": {
                "parameters": [_in_path("name")],
                "get": _operation(f"get_{kind}", summary, {**_PICTURE, **_NO_STYLE_PICTURE}),
            }
            for kind, summary in pictures.items()
        },
    }


def _uploads() -> Schema:
    upload = _upload("post_upload", "Ask where to put a video", "UploadRequest")
    same = _json("the same was uploaded before, and has its job", _ref("Uploaded"))
    upload["responses"] |= same
    return {"/api/uploads": {"post": upload}}


def _upload(name: str, summary: str, request: str) -> Schema:
    granted = _json("leave to write one blob for an hour", _ref("Upload"), HTTPStatus.CREATED)
    refused = _problems(
        {400: "the body is no such request, or names no such file", 413: "the file is too large"}
    )
    body = {"required": True, "content": {JSON: {"schema": _ref(request)}}}
    return _operation(name, summary, {**granted, **refused}) | {"requestBody": body}


def _jobs() -> Schema:
    listed = _json("jobs, newest first", _ref("Jobs"), polled=True)
    shown = _json("how the job stands", _ref("Job"), polled=True)
    accepted = _json("how the job stands; it will end", _ref("Job"), HTTPStatus.ACCEPTED)
    gone = {"204": {"description": "the job and its result are gone"}}
    return {
        "/api/jobs": {"get": _operation("get_jobs", "Jobs", listed, _QUERY)},
        "/api/jobs/{id}": {
            "parameters": [_ID],
            "get": _operation("get_job", "One job", {**shown, **_NO_JOB}, [_IF_NONE_MATCH]),
            "delete": _operation(
                "delete_job",
                "Forget a job that has ended",
                {**gone, **_NO_JOB, **_problems({409: "it has not ended"})},
                [_query("upload", "whether the upload goes, too", {"type": "boolean"})],
            ),
        },
        "/api/jobs/{id}/cancel": {
            "parameters": [_ID],
            "post": _operation(
                "post_cancel",
                "End a job",
                {**accepted, **_NO_JOB, **_problems({409: "it has ended"})},
            ),
        },
    }


def _media() -> Schema:
    none_yet = {"204": {"description": "there is none yet"}}
    answers: dict[str, tuple[str, Schema, list[Schema]]] = {
        "result": ("The painted video", _link(), [_DOWNLOAD]),
        "source": ("The video as it was uploaded", _link(), [_DOWNLOAD]),
        "before": ("It, small, where browsers do not play it", _link(), [_DOWNLOAD]),
        "preview": ("The latest painted frame", {**_PICTURE, **none_yet}, []),
        "poster": ("One painted frame of the result", _PICTURE, []),
        "sheet": ("Frames before and after, on one sheet", _PICTURE, []),
    }
    missing = _problems({404: "there is no such job, or it has no such thing"})
    summary = "A frame of it as another style would paint it"
    swatch = {**_PICTURE, "204": {"description": "there is none"}, **_NO_JOB}
    return {
        "/api/jobs/{id}/swatches/{style}": {
            "parameters": [_ID, _in_path("style")],
            "get": _operation("get_swatch", summary, swatch),
        },
        **{
            f"/api/jobs/{{id}}/{name}": {
                "parameters": [_ID],
                "get": _operation(f"get_{name}", summary, {**answer, **missing}, parameters),
            }
            for name, (summary, answer, parameters) in answers.items()
        },
    }


def _link() -> Schema:
    location = {"Location": {"required": True, "schema": {"type": "string", "format": "uri"}}}
    return {
        **_json("its URL, for who accepts `application/json`", _ref("Link")),
        "302": {"description": "to its URL, which reads it for an hour", "headers": location},
    }


def _file(description: str, *kinds: str) -> Schema:
    return {
        "200": {
            "description": description,
            "headers": _ETAG,
            "content": {kind: {} for kind in kinds},
        },
        "304": {"description": "the client has it", "headers": _ETAG},
    }


def _operation(
    name: str, summary: str, answers: Schema, parameters: list[Schema] | None = None
) -> Schema:
    always = {
        400: "a bad parameter",
        403: "a page of another site asks",
        429: "too many requests; `Retry-After` says how long to wait",
        503: "a service that it needs does not answer",
    }
    return {
        "operationId": name,
        "summary": summary,
        "parameters": parameters or [],
        "responses": {**_problems(always), **answers},
    }


def _json(
    description: str, schema: Schema, status: HTTPStatus = HTTPStatus.OK, *, polled: bool = False
) -> Schema:
    answer: Schema = {"description": description, "content": {JSON: {"schema": schema}}}
    if not polled:
        return {str(status.value): answer}
    same = {"description": "the client has the like of it", "headers": _ETAG}
    return {str(status.value): answer | {"headers": _ETAG}, "304": same}


def _problems(descriptions: Mapping[int, str]) -> Schema:
    content = {"application/problem+json": {"schema": _ref("Problem")}}
    return {
        str(status): {"description": description, "content": content}
        for status, description in descriptions.items()
    }


def _in_path(name: str) -> Schema:
    schema = {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _query(name: str, description: str, schema: Schema, **more: Any) -> Schema:
    return {"name": name, "in": "query", "description": description, "schema": schema, **more}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_ETAG = {"ETag": {"schema": {"type": "string"}, "required": True}}
_ID = _in_path("id")
_DOWNLOAD = _query(DOWNLOAD, "whether browsers shall save it", {"type": "boolean"})
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "the ETag of what the client has",
    "schema": {"type": "string"},
}
_QUERY = [
    _query(
        "status",
        "only these, separated by commas",
        {"type": "array", "items": STATUS},
        style="form",
        explode=False,
    ),
    _query("style", "only in this style", {"type": "string"}),
    _query("video", "only of this blob", {"type": "string"}),
    _query(
        "top",
        "most jobs on a page",
        {"type": "integer", "minimum": 1, "maximum": MOST_TOP, "default": DEFAULT_TOP},
    ),
    _query("cursor", "`next` of the page before", {"type": "string"}),
    _IF_NONE_MATCH,
]
_NO_JOB = _problems({404: "there is no such job"})
_NO_STYLE_PICTURE = _problems({404: "there is no such style, or it shows nothing"})
_PICTURE: Schema = {"200": {"description": "a picture", "content": {"image/jpeg": {}}}}
