"""What a job has to show: the painted video, the uploaded one, pictures of both."""

from __future__ import annotations

import base64
import json
from http import HTTPStatus
from pathlib import PurePosixPath

import azure.durable_functions as df
import azure.functions as func
from durabletask.client import OrchestrationState

from function_app.api.answers import DOWNLOAD, READ, REVALIDATE, answering, as_jpeg, as_link
from function_app.api.jobs import Client, find
from function_app.api.view import ENDED, view
from function_app.errors import Code, RequestError
from function_app.instances import job_of
from function_app.store import paths, results, storage
from gpu_worker.plan import PREVIEW_NAME, is_whole_jpeg

blueprint = df.Blueprint()

FRESH = {"Cache-Control": "no-store"}
POSTER, SHEET = results.PICTURES


@blueprint.route(route="api/jobs/{id}/result", methods=READ)
@blueprint.durable_client_input(client_name="client")
@answering(DOWNLOAD)
def get_result(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Redirect to the painted video."""
    state = find(req, client)
    shown = view(state)
    if not shown["result"]:
        message = f"the job {shown['id']} has no result: it is {shown['status'].lower()}"
        raise RequestError(HTTPStatus.NOT_FOUND, Code.NO_RESULT, message)
    if not results.is_of(job_of(state), shown["result"]):
        message = f"the result of the job {shown['id']} was deleted, or replaced by a later one"
        raise RequestError(HTTPStatus.NOT_FOUND, Code.RESULT_GONE, message)
    file = PurePosixPath(shown["result"])
    # Paintings of one video in several styles lie side by side where they are saved.
    save_as = f"{file.stem}.{shown['style']}{file.suffix}"
    return as_link(req, paths.RESULTS, shown["result"], save_as)


@blueprint.route(route="api/jobs/{id}/source", methods=READ)
@blueprint.durable_client_input(client_name="client")
@answering(DOWNLOAD)
def get_source(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Redirect to the video, painting or checkpoint as it was uploaded."""
    job = job_of(find(req, client))
    if not storage.blob(job.container, job.blob).exists():
        message = f"the uploaded file {job.blob} is gone"
        raise RequestError(HTTPStatus.NOT_FOUND, Code.NO_SOURCE, message)
    return as_link(req, job.container, job.blob)


@blueprint.route(route="api/jobs/{id}/before", methods=READ)
@blueprint.durable_client_input(client_name="client")
@answering(DOWNLOAD)
def get_before(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Redirect to a small copy of the uploaded video, where browsers do not play that itself."""
    state = find(req, client)
    job, result = job_of(state), view(state)["result"]
    proxy = paths.beside(result, results.PROXY) if result and results.is_of(job, result) else ""
    if not proxy or not storage.blob(paths.RESULTS, proxy).exists():
        message = f"there is no copy for browsers of the video of the job {job.job_id}"
        raise RequestError(HTTPStatus.NOT_FOUND, Code.NO_PICTURE, message)
    return as_link(req, paths.RESULTS, proxy)


@blueprint.route(route="api/jobs/{id}/preview", methods=READ)
@blueprint.durable_client_input(client_name="client")
@answering()
def get_preview(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Answer with the latest painted frame, or with the poster once all are painted.

    With nothing while there is none yet: a page asks again and again, and that is no error.
    """
    state = find(req, client)
    job = job_of(state)
    latest = storage.read(paths.JOBS, job.folder.output(PREVIEW_NAME))
    if latest is not None and not is_whole_jpeg(latest):
        latest = None
    if latest is None and view(state)["status"] not in ENDED:
        return func.HttpResponse(status_code=HTTPStatus.NO_CONTENT, headers=FRESH)
    return as_jpeg(latest or _picture(state, POSTER), FRESH)


@blueprint.route(route="api/jobs/{id}/poster", methods=READ)
@blueprint.durable_client_input(client_name="client")
@answering()
def get_poster(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Answer with one painted frame of a job that is done."""
    return as_jpeg(_picture(find(req, client), POSTER))


@blueprint.route(route="api/jobs/{id}/sheet", methods=READ)
@blueprint.durable_client_input(client_name="client")
@answering()
def get_sheet(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Answer with frames of a job that is done, before and after, on one sheet."""
    return as_jpeg(_picture(find(req, client), SHEET))


@blueprint.route(route="api/jobs/{id}/swatches/{style}", methods=READ)
@blueprint.durable_client_input(client_name="client")
@answering()
def get_swatch(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Answer with one frame of a job that is done, as another style would paint it.

    With nothing where there is no such swatch: a page asks for whatever style is looked at.
    """
    state = find(req, client)
    swatch = _swatches(state).get(req.route_params["style"])
    if swatch is None:
        return func.HttpResponse(status_code=HTTPStatus.NO_CONTENT, headers=REVALIDATE)
    return as_jpeg(base64.b64decode(swatch))


def _swatches(state: OrchestrationState) -> dict[str, str]:
    """Return JPEGs in base64 by the name of the style; none where the worker left half a file."""
    try:
        return json.loads(_beside(state, results.SWATCHES) or b"{}")
    except ValueError:
        return {}


def _picture(state: OrchestrationState, suffix: str) -> bytes:
    image = _beside(state, suffix)
    if image is None:
        message = f"the job {state.instance_id} has no such picture yet"
        raise RequestError(HTTPStatus.NOT_FOUND, Code.NO_PICTURE, message)
    return image


def _beside(state: OrchestrationState, suffix: str) -> bytes | None:
    """Return what lies beside a job's own result; None where nothing does."""
    job, result = job_of(state), view(state)["result"]
    if not result or not results.is_of(job, result):
        return None
    return storage.read(paths.RESULTS, paths.beside(result, suffix))
