"""The HTTP API: upload, list, follow, cancel and fetch."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from http import HTTPStatus
from pathlib import Path
from typing import Any, Concatenate

import azure.durable_functions as df
import azure.functions as func
from azure.storage.blob import BlobSasPermissions
from durabletask.client import OrchestrationQuery, OrchestrationState, OrchestrationStatus

from function_app import paths, storage
from function_app.errors import InputError, RequestError
from function_app.jobs import Job, Stage, State, Status
from function_app.orchestrator import CANCEL_EVENT, ORCHESTRATOR
from function_app.settings import settings
from gpu_worker.plan import PREVIEW_NAME

blueprint = df.Blueprint()

UPLOAD_LIFETIME = timedelta(hours=1)
READ_LIFETIME = timedelta(hours=1)
DEFAULT_TOP = 50
MOST_TOP = 1000
PAGE = Path(__file__).with_name("page.html")

STATUSES = {
    OrchestrationStatus.PENDING: "Pending",
    OrchestrationStatus.RUNNING: "Running",
    OrchestrationStatus.CONTINUED_AS_NEW: "Running",
    OrchestrationStatus.SUSPENDED: "Suspended",
    OrchestrationStatus.COMPLETED: "Completed",
    OrchestrationStatus.FAILED: "Failed",
    OrchestrationStatus.TERMINATED: "Cancelled",
}
ENDED = {"Completed", "Failed", "Cancelled"}

# A plain alias: the Functions worker refuses one that is made by a type statement.
Client = df.SyncDurableFunctionsClient


def _answering[**P](
    handler: Callable[Concatenate[func.HttpRequest, P], func.HttpResponse],
) -> Callable[Concatenate[func.HttpRequest, P], func.HttpResponse]:
    """Answer a RequestError as problem details (RFC 9457)."""

    @wraps(handler)
    def wrapped(req: func.HttpRequest, *args: P.args, **kwargs: P.kwargs) -> func.HttpResponse:
        try:
            return handler(req, *args, **kwargs)
        except RequestError as error:
            return _problem(error)

    return wrapped


@blueprint.route(route="", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def get_page(req: func.HttpRequest) -> func.HttpResponse:
    """Answer with the page."""
    del req
    return func.HttpResponse(PAGE.read_bytes(), mimetype="text/html")


@blueprint.route(route="api/styles", methods=["GET"])
@_answering
def get_styles(req: func.HttpRequest) -> func.HttpResponse:
    """List the styles that a video can be painted in."""
    del req
    return _json({"styles": [{"name": name} for name in storage.style_names()]})


@blueprint.route(route="api/uploads", methods=["POST"])
@_answering
def post_upload(req: func.HttpRequest) -> func.HttpResponse:
    """Answer with a URL to which exactly one video may be written for an hour."""
    upload = _Upload.read(req)
    video = storage.blob(paths.VIDEOS, upload.video.blob)
    url = storage.signed_url(video, BlobSasPermissions(create=True, write=True), UPLOAD_LIFETIME)
    expires = datetime.now(UTC) + UPLOAD_LIFETIME
    body = {"url": url, "blob": upload.video.blob, "expires": _time(expires)}
    return _json(body, HTTPStatus.CREATED)


@blueprint.route(route="api/jobs", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
@_answering
def get_jobs(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """List jobs, newest first; `?status=`, `?video=` and `?top=` narrow the list."""
    wanted, video = req.params.get("status"), req.params.get("video")
    if wanted and wanted not in STATUSES.values():
        known = ", ".join(sorted(set(STATUSES.values())))
        raise _bad_request(f"there is no status {wanted!r}: one of {known}")
    query = OrchestrationQuery(fetch_inputs_and_outputs=True)
    states = [each for each in client.get_all_orchestration_states(query) if _is_job(each)]
    states.sort(key=lambda each: each.created_at, reverse=True)
    views = [_view(each) for each in states]
    chosen = [
        view
        for view in views
        if wanted in {None, view["status"]} and video in {None, f"{view['style']}/{view['name']}"}
    ]
    return _json({"jobs": chosen[: _top(req)]})


@blueprint.route(route="api/jobs/{id}", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
@_answering
def get_job(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Answer how a job stands."""
    return _json(_view(_find(req, client)))


@blueprint.route(route="api/jobs/{id}/cancel", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
@_answering
def post_cancel(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Ask for the end of a job."""
    view = _view(_find(req, client))
    if view["status"] in ENDED:
        message = f"the job {view['id']} has ended already: it is {view['status'].lower()}"
        raise RequestError(HTTPStatus.CONFLICT, "job-ended", message)
    client.raise_orchestration_event(view["id"], CANCEL_EVENT)
    return _json(view, HTTPStatus.ACCEPTED)


@blueprint.route(route="api/jobs/{id}/result", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
@_answering
def get_result(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Redirect to the painted video."""
    view = _view(_find(req, client))
    if not view["result"]:
        message = f"the job {view['id']} has no result: it is {view['status'].lower()}"
        raise RequestError(HTTPStatus.NOT_FOUND, "no-result", message)
    result = storage.blob(paths.RESULTS, view["result"])
    url = storage.signed_url(result, BlobSasPermissions(read=True), READ_LIFETIME)
    return func.HttpResponse(status_code=HTTPStatus.FOUND, headers={"Location": url})


@blueprint.route(route="api/jobs/{id}/preview", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
@_answering
def get_preview(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Answer with the latest painted frame, or with the poster once all are painted."""
    job = _job(_find(req, client))
    image = storage.read(paths.JOBS, job.folder.output(PREVIEW_NAME))
    image = image or storage.read(paths.RESULTS, job.video.result(".jpg"))
    if image is None:
        message = f"the job {job.job_id} has painted nothing yet: ask again in a while"
        raise RequestError(HTTPStatus.NOT_FOUND, "no-preview", message)
    return func.HttpResponse(image, mimetype="image/jpeg", headers={"Cache-Control": "no-store"})


@dataclass(frozen=True, slots=True)
class _Upload:
    """What a client asks to upload."""

    video: paths.Video

    @classmethod
    def read(cls, req: func.HttpRequest) -> _Upload:
        """Check the request's body: {filename, style, bytes}."""
        try:
            body = req.get_json()
            video = paths.Video(str(body["style"]), str(body["filename"]))
            size = int(body["bytes"])
        except (ValueError, TypeError, KeyError) as error:
            raise _bad_request("the body must be JSON: {filename, style, bytes}") from error
        if not 0 < size <= settings().max_bytes:
            raise RequestError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "too-large",
                f"a video may have 1 to {settings().max_bytes} bytes, not {size}",
            )
        try:
            video.check()
        except InputError as error:
            raise _bad_request(str(error)) from error
        return cls(video)


def _find(req: func.HttpRequest, client: Client) -> OrchestrationState:
    job_id = req.route_params["id"]
    state = client.get_orchestration_state(job_id)
    if state is None or not _is_job(state):
        raise RequestError(HTTPStatus.NOT_FOUND, "no-job", f"there is no job {job_id!r}")
    return state


def _is_job(state: OrchestrationState) -> bool:
    return state.name == ORCHESTRATOR


def _job(state: OrchestrationState) -> Job:
    return State.from_dict(state.get_input()).job


def _view(state: OrchestrationState) -> dict[str, Any]:
    """Return the JSON of a job."""
    job = _job(state)
    status = STATUSES[state.runtime_status]
    output: dict[str, Any] = {}
    if status == "Completed":
        output = state.get_output() or {}
        status = "Cancelled" if output.get("stage") == Stage.CANCELLED else status
    custom = state.get_custom_status()
    if status == "Pending" and custom:
        # Between two executions of an orchestration that continues as new.
        status = "Running"
    failure = state.failure_details
    ended = status in ENDED
    return {
        "id": job.job_id,
        "style": job.style,
        "name": job.name,
        "status": status,
        **(custom or Status(Stage.PREPROCESS, message="waiting").to_dict()),
        "created": _time(state.created_at),
        "updated": _time(state.last_updated_at),
        "duration_s": _seconds(state.created_at, state.last_updated_at if ended else None),
        "result": output.get("result"),
        "error": failure.message if failure else None,
    }


def _top(req: func.HttpRequest) -> int:
    text = req.params.get("top", str(DEFAULT_TOP))
    if not text.isdecimal() or not 0 < int(text) <= MOST_TOP:
        raise _bad_request(f"top must be a number from 1 to {MOST_TOP}, not {text!r}")
    return int(text)


def _seconds(start: datetime, end: datetime | None) -> float:
    return round((_utc(end or datetime.now(UTC)) - _utc(start)).total_seconds(), 1)


def _time(moment: datetime) -> str:
    return _utc(moment).strftime("%Y-%m-%dT%H:%M:%SZ")


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _json(body: Any, status: HTTPStatus = HTTPStatus.OK) -> func.HttpResponse:
    return func.HttpResponse(
        json.dumps(body, ensure_ascii=False), status_code=status, mimetype="application/json"
    )


def _bad_request(message: str) -> RequestError:
    return RequestError(HTTPStatus.BAD_REQUEST, "bad-request", message)


def _problem(error: RequestError) -> func.HttpResponse:
    body = {
        "type": "about:blank",
        "title": error.status.phrase,
        "status": error.status.value,
        "code": error.code,
        "detail": str(error),
    }
    return func.HttpResponse(
        json.dumps(body, ensure_ascii=False),
        status_code=error.status,
        mimetype="application/problem+json",
    )
