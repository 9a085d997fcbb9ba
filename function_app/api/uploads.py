"""Uploads: who wants a video painted, or a style made, gets leave to write exactly one blob.

Asking twice gives the same leave and changes nothing. The leave names the version of the blob that
it may replace, so the same write twice writes once: the second is told that the condition is not
met, and the video's job is started once. Who says what is in the file, by its MD5 or a fingerprint,
and has put the very same there before, is led to the job that it has. Another file of the same name
is another video: it gets a name beside, unless it is to replace the first.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Self

import azure.durable_functions as df
import azure.functions as func
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobProperties, BlobSasPermissions
from durabletask.client import OrchestrationState

from function_app.api.answers import answering, as_json, body_of
from function_app.api.jobs import Client
from function_app.api.schemas import UPLOAD_REQUEST
from function_app.api.view import ENDED, as_time, view
from function_app.errors import Code, InputError, RequestError
from function_app.instances import state_of, utc
from function_app.options.blending import PRESERVE_COLOUR, STRENGTH, blend_of, metadata_of
from function_app.options.container import CONTAINER, Container, container_of
from function_app.settings import settings
from function_app.store import paths, storage, styles, uploads
from function_app.store.jobs import Job
from gpu_worker.plan import Blend

blueprint = df.Blueprint()

LIFETIME = timedelta(hours=1)
TO_DO_AGAIN = {"Failed", "Cancelled"}
OPTIONS = {STRENGTH, PRESERVE_COLOUR, CONTAINER}
FINGERPRINT = "fingerprint"
MOST_NAMESAKES = 1000
# Reading is what asking for the blocks of a broken upload takes.
LEAVE = BlobSasPermissions(create=True, write=True, read=True)


@blueprint.route(route="api/uploads", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
@answering()
def post_upload(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Answer with a URL to which one video may be written, and with the headers to send."""
    upload = Upload.read(req)
    expires = datetime.now(UTC) + LIFETIME
    for video in upload.places:
        blob = storage.blob(paths.VIDEOS, video.blob)
        there = properties(blob)
        if there and not upload.may_replace(there):
            continue
        if there and (job_id := _job_of_the_same(upload, video, there, client)):
            return as_json({"blob": video.blob, "job": job_id})
        if there or upload.replace:
            uploads.declare(video, upload.size, expires, upload.identity)
        elif not uploads.claim(video, upload.size, expires, upload.identity):
            continue
        return as_leave(blob, there, expires, upload.headers)
    raise InputError(
        f"there are {MOST_NAMESAKES} videos called {upload.video.name} already: rename the video",
        Code.BAD_NAME,
    )


def as_leave(
    blob: BlobClient,
    there: BlobProperties | None,
    expires: datetime,
    headers: Mapping[str, str],
) -> func.HttpResponse:
    """Answer with a URL to which one blob may be written, and with the headers to send.

    Args:
        blob: to be written.
        there: what may be replaced; nothing if None.
        expires: when the URL does.
        headers: that make the blob what it is to be.
    """
    body = {
        "url": storage.signed_url(blob, LEAVE, LIFETIME),
        "blob": blob.blob_name,
        "expires": as_time(expires),
        "headers": {**headers, **_condition(there)},
    }
    return as_json(body, HTTPStatus.CREATED)


@dataclass(frozen=True, slots=True)
class Upload:
    """What a client asks to upload.

    Attributes:
        video: where it goes.
        size: in bytes.
        blend: how it is to be painted.
        container: of its result.
        md5: of its content, in base64; empty where the client does not say.
        fingerprint: that clients make of a file which they cannot read whole; likewise.
        replace: whether it is to take the place of what has its name.
    """

    video: paths.Video
    size: int
    blend: Blend
    container: Container
    md5: str
    fingerprint: str
    replace: bool

    @classmethod
    def read(cls, req: func.HttpRequest) -> Self:
        """Check the request's body.

        Raises:
            InputError: the video is empty, or has a name, a style or options that cannot be.
            RequestError: the body is another, or the video is too large.
        """
        fields = body_of(req, UPLOAD_REQUEST)
        size, name = int(fields["bytes"]), fields["filename"]
        if not size:
            raise InputError(f"{name} is empty: upload a whole one", Code.EMPTY_VIDEO)
        check_size(name, size, settings().max_bytes)
        video = paths.Video(fields["style"], name)
        video.check()
        styles.usable(video.style)
        said = {name: str(fields[name]) for name in OPTIONS & fields.keys()}
        return cls(
            video,
            size,
            blend_of(said),
            container_of(said),
            fields.get("md5", ""),
            fields.get("fingerprint", ""),
            fields.get("replace", False),
        )

    @property
    def places(self) -> Iterator[paths.Video]:
        """Where it may go, the best first: under its own name, else under one beside it."""
        numbers = [1] if self.replace else range(1, MOST_NAMESAKES + 1)
        return (self.video.numbered(number) for number in numbers)

    @property
    def identity(self) -> str:
        """What tells it from other uploads of its name."""
        said = (self.md5, self.fingerprint, self.size, self.options)
        return hashlib.sha256(repr(said).encode()).hexdigest()

    @property
    def options(self) -> dict[str, str]:
        """Metadata that say how it is to be painted."""
        usual = self.container is Container.MP4
        return metadata_of(self.blend) | ({} if usual else {CONTAINER: str(self.container)})

    @property
    def headers(self) -> dict[str, str]:
        """Headers that make the options and the MD5 properties of the blob."""
        said = {f"x-ms-meta-{name}": value for name, value in self.options.items()}
        md5 = {"x-ms-blob-content-md5": self.md5} if self.md5 else {}
        mark = {f"x-ms-meta-{FINGERPRINT}": self.fingerprint} if self.fingerprint else {}
        return {"x-ms-blob-type": "BlockBlob", **said, **md5, **mark}

    def is_like(self, there: BlobProperties) -> bool:
        """Whether a blob has this content, to be painted in this way."""
        md5 = base64.b64encode(there.content_settings.content_md5 or b"").decode()
        fingerprint = there.metadata.get(FINGERPRINT, "")
        is_same = self.md5 == md5 != "" or self.fingerprint == fingerprint != ""
        said = there.metadata
        as_wanted = self.blend == blend_of(said) and self.container == container_of(said)
        return is_same and as_wanted

    def may_replace(self, there: BlobProperties) -> bool:
        """Whether what is there is to go: by the client's wish, or since it is the same.

        A client that does not say what is in its file is taken at the size of it.
        """
        is_named = self.md5 or self.fingerprint
        return self.replace or (self.is_like(there) if is_named else self.size == there.size)


def check_size(name: str, size: int, most: int) -> None:
    """Refuse an upload before it is made.

    Raises:
        RequestError: it has more bytes than `most`.
    """
    if size > most:
        raise RequestError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            Code.TOO_LARGE,
            f"{name} has {size} bytes, more than the {most} that it may have",
        )


def properties(blob: BlobClient) -> BlobProperties | None:
    """Return what is told of a blob that is there; None where none is."""
    try:
        return blob.get_blob_properties()
    except ResourceNotFoundError:
        return None


def _job_of_the_same(
    upload: Upload, video: paths.Video, there: BlobProperties, client: Client
) -> str | None:
    """Return the id of the job of what is there, if it is what is to be uploaded and does well."""
    if not upload.is_like(there):
        return None
    job_id = Job.of(video.blob, str(there.etag)).job_id
    state = state_of(client, job_id)
    if state is None or view(state)["status"] in TO_DO_AGAIN or _is_outdated(video, state):
        return None
    return job_id


def _is_outdated(video: paths.Video, state: OrchestrationState) -> bool:
    """Whether a job ended before its style became what it is: it did not paint in that one."""
    style = properties(storage.blob(paths.STYLES, paths.style(video.style)))
    has_ended = view(state)["status"] in ENDED
    return has_ended and style is not None and style.last_modified > utc(state.last_updated_at)


def _condition(there: BlobProperties | None) -> dict[str, str]:
    """Return the header that lets a write replace what is there now, and nothing else."""
    return {"If-Match": str(there.etag)} if there else {"If-None-Match": "*"}
