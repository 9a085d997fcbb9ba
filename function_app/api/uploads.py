"""Uploads: who wants a video painted gets leave to write exactly one blob.

Asking twice gives the same leave and changes nothing. The leave names the version of the blob that
it may replace, so the same write twice writes once: the second is told that the condition is not
met, and the video's job is started once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Self

import azure.durable_functions as df
import azure.functions as func
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobSasPermissions

from function_app import paths, storage, uploads
from function_app.api.answers import answering, as_json, body_of
from function_app.api.schemas import UPLOAD_REQUEST
from function_app.api.view import as_time
from function_app.blending import PRESERVE_COLOUR, STRENGTH, blend_of, metadata_of
from function_app.errors import Code, RequestError
from function_app.settings import settings
from gpu_worker.plan import Blend

blueprint = df.Blueprint()

LIFETIME = timedelta(hours=1)
OPTIONS = {STRENGTH, PRESERVE_COLOUR}
# Reading is what asking for the blocks of a broken upload takes.
LEAVE = BlobSasPermissions(create=True, write=True, read=True)


@blueprint.route(route="api/uploads", methods=["POST"])
@answering
def post_upload(req: func.HttpRequest) -> func.HttpResponse:
    """Answer with a URL to which one video may be written, and with the headers to send."""
    upload = Upload.read(req)
    expires = datetime.now(UTC) + LIFETIME
    uploads.declare(upload.video, upload.size, expires)
    blob = storage.blob(paths.VIDEOS, upload.video.blob)
    body = {
        "url": storage.signed_url(blob, LEAVE, LIFETIME),
        "blob": upload.video.blob,
        "expires": as_time(expires),
        "headers": {"x-ms-blob-type": "BlockBlob", **_condition(blob), **upload.metadata},
    }
    return as_json(body, HTTPStatus.CREATED)


@dataclass(frozen=True, slots=True)
class Upload:
    """What a client asks to upload.

    Attributes:
        video: where it goes.
        size: in bytes.
        blend: how it is to be painted.
    """

    video: paths.Video
    size: int
    blend: Blend

    @classmethod
    def read(cls, req: func.HttpRequest) -> Self:
        """Check the request's body.

        Raises:
            InputError: the video cannot have that name, or there is no such style.
            RequestError: the body is another, or the video is too large.
        """
        fields = body_of(req, UPLOAD_REQUEST)
        size = int(fields["bytes"])
        if size > settings().max_bytes:
            raise RequestError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                Code.TOO_LARGE,
                f"a video may have {settings().max_bytes} bytes, not {size}",
            )
        video = paths.Video(fields["style"], fields["filename"])
        video.check()
        return cls(
            video, size, blend_of({name: str(fields[name]) for name in OPTIONS & fields.keys()})
        )

    @property
    def metadata(self) -> dict[str, str]:
        """Headers that make the options the blob's metadata."""
        return {f"x-ms-meta-{name}": value for name, value in metadata_of(self.blend).items()}


def _condition(blob: BlobClient) -> dict[str, str]:
    """Return the header that lets a write replace what is there now, and nothing else."""
    try:
        return {"If-Match": str(blob.get_blob_properties().etag)}
    except ResourceNotFoundError:
        return {"If-None-Match": "*"}
