"""What goes through the API, as JSON Schema: the description shows it, bodies are checked by it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from function_app.api.view import STATUSES
from function_app.errors import Code
from function_app.options.container import Container
from function_app.store.jobs import Stage
from function_app.store.paths import CHECKPOINT_SUFFIXES, PAINTING_SUFFIXES, STYLE_SUFFIX
from function_app.store.styles import State

type Schema = dict[str, Any]


def _object(properties: Schema, optional: Iterable[str] = ()) -> Schema:
    required = [name for name in properties if name not in set(optional)]
    return {"type": "object", "properties": properties, "required": required}


def _request(properties: Schema, optional: Iterable[str]) -> Schema:
    """Describe a body; a field that is not known is refused, for it may be one that is misspelt."""
    return _object(properties, optional) | {"additionalProperties": False}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _text(description: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, **more}


def _number(description: str, **more: Any) -> Schema:
    return {"type": "number", "description": description, "minimum": 0, **more}


def _count(description: str) -> Schema:
    return {"type": "integer", "description": description, "minimum": 0}


MOMENT = {"format": "date-time", "pattern": "Z$"}
# A path: no part of it empty, `.` or `..`; no quotes, backslashes and control characters in it.
FILENAME = (
    r"""^(?!\.{0,2}(/|$))(?!.*/\.{0,2}(/|$))[^"`\\\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]+$"""
)
STYLE_NAME = r"""^(?!\.{0,2}$)[^/"'`\\\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]+$"""

MD5 = "^[A-Za-z0-9+/]{22}==$"
FINGERPRINT = "^[A-Za-z0-9-]{1,64}$"

STATUS = {"type": "string", "enum": sorted(set(STATUSES.values()))}
CODE = {"type": "string", "enum": [str(code) for code in Code]}

ERROR = _object(
    {
        "code": CODE,
        "detail": _text("what is wrong with what, one sentence"),
        "action": _or_null(_text("what to do about it; null where the detail says it")),
    }
)
PROBLEM = _object(
    {
        "type": _text("always `about:blank`"),
        "title": _text("of the HTTP status"),
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        **ERROR["properties"],
        "job": _or_null(_text("id of the job that was asked for")),
    }
)
COST = _object(
    {
        "estimate": _or_null(_number("of the whole job")),
        "spent": _or_null(_number("so far")),
        "currency": _text("three letters of ISO 4217"),
    }
)
OPTIONS = _object(
    {
        "strength": _number("of the style: 1 paints, 0 leaves the frames as they are", maximum=1),
        "preserve_colour": {"type": "boolean", "description": "keep the video's own colours"},
        "container": {
            "type": "string",
            "enum": [str(container) for container in Container],
            "description": "of the result; mkv keeps every track as it is",
        },
    }
)
JOB = _object(
    {
        "id": _text("of the job and its orchestration"),
        "style": _text("that it is painted in, or that is made"),
        "name": _text("of the video, below its style's folder; or of what the style is made of"),
        "video": _or_null(_text("blob in `videos`: style and name; null where a style is made")),
        "status": STATUS,
        "stage": {"type": "string", "enum": [str(stage) for stage in Stage]},
        "frames": _object(
            {"done": _count("painted"), "total": _count("of the video; 0 until they are counted")}
        ),
        "fps": _or_null(_number("frames painted a second at present")),
        "eta_s": _or_null(_number("seconds of painting left")),
        "attempt": _count("at painting; 0 before the first"),
        "nodes": _count("that paint"),
        "gives_way": _count("clips to which it gives way, with fewer nodes than it could use"),
        "message": _text("how it stands, one sentence"),
        "notes": {
            "type": "array",
            "items": _text("what the result cannot keep"),
        },
        "options": _or_null(OPTIONS),
        "cost": _or_null(COST),
        "studio_url": _or_null(_text("where Azure Machine Learning shows what paints")),
        "created": _text("RFC 3339", **MOMENT),
        "updated": _text("RFC 3339", **MOMENT),
        "duration_s": _number("from the upload until the end, or until now"),
        "result": _or_null(_text("blob in `results`")),
        "error": _or_null(ERROR),
    }
)
JOBS = _object(
    {
        "jobs": {"type": "array", "items": {"$ref": "#/components/schemas/Job"}},
        "next": _or_null(_text("cursor of the next page")),
        "missed": {
            "type": "array",
            "description": "uploads whose event failed, which a timer starts; none mostly",
            "items": _object(
                {
                    "upload": _text("container and name of the blob"),
                    "message": _text("how it stands, one sentence"),
                }
            ),
        },
    }
)
UPLOAD_REQUEST = _request(
    {
        "filename": _text("may have folders of its own", pattern=FILENAME, maxLength=500),
        "style": _text("name of a style", minLength=1),
        "bytes": _count("size of the file"),
        **OPTIONS["properties"],
        "md5": _text("of the file, in base64: the same again has its job already", pattern=MD5),
        "fingerprint": _text(
            "tells the file from others of its name, where no MD5 does", pattern=FINGERPRINT
        ),
        "replace": {
            "type": "boolean",
            "description": "another video of the name; else that stays, and this gets one beside",
        },
    },
    optional=(*OPTIONS["properties"], "md5", "fingerprint", "replace"),
)
UPLOAD = _object(
    {
        "url": _text("to PUT the file to; grants this and nothing else", format="uri"),
        "blob": _text("name in `videos` or `styles`; `GET /api/jobs?video=` finds its job"),
        "headers": {
            "type": "object",
            "description": "to send with the PUT",
            "additionalProperties": {"type": "string"},
        },
        "expires": _text("when the URL does, RFC 3339", **MOMENT),
    }
)
UPLOADED = _object({"blob": _text("name in `videos`"), "job": _text("id of its job")})
LINK = _object({"url": _text("reads the video for an hour", format="uri")})
STYLE = _object(
    {
        "name": _text("of the folder in `videos` whose videos are painted in it"),
        "state": {"type": "string", "enum": [str(state) for state in State]},
        "painting": _or_null(_text("path of a picture of what it was learnt from")),
        "thumbnail": _or_null(_text("path of a picture that the style has painted")),
        "flop_per_pixel": _or_null(_number("floating point operations to paint one pixel")),
        "kind": _text("what comes of a video: `frames`, or `lines` of JSON, one a frame"),
        "message": _text("why it, or the last try at making it anew, failed; else empty"),
        "job": _or_null(_text("id of the job that makes it, while it does")),
        "shipped": {"type": "boolean", "description": "whether Atelier comes with it"},
    }
)
STYLE_SUFFIXES = (*PAINTING_SUFFIXES, *CHECKPOINT_SUFFIXES, STYLE_SUFFIX)
STYLE_REQUEST = _request(
    {
        "name": _text("that the style is to have", pattern=STYLE_NAME, maxLength=100),
        "filename": _text(
            "of a painting, a checkpoint or a style",
            pattern=f"({'|'.join(map(re.escape, STYLE_SUFFIXES))})$",
        ),
        "bytes": _count("size of the file"),
        "md5": _text("of the file, in base64: the same again leads to its job", pattern=MD5),
        "replace": {"type": "boolean", "description": "the style that has the name, if one does"},
    },
    optional=("md5", "replace"),
)
STYLES = _object({"styles": {"type": "array", "items": STYLE}})

COMPONENTS = {
    "Error": ERROR,
    "Problem": PROBLEM,
    "Job": JOB,
    "Jobs": JOBS,
    "UploadRequest": UPLOAD_REQUEST,
    "StyleRequest": STYLE_REQUEST,
    "Upload": UPLOAD,
    "Uploaded": UPLOADED,
    "Link": LINK,
    "Styles": STYLES,
}
