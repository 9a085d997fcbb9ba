"""What a job has to show: the painted video, the uploaded one, pictures of both."""

from __future__ import annotations

from http import HTTPStatus

import azure.durable_functions as df
import azure.functions as func

from function_app import paths, storage
from function_app.api.answers import DOWNLOAD, READ, answering, as_jpeg, as_link
from function_app.api.jobs import Client, find
from function_app.api.view import ENDED, view
from function_app.errors import Code, RequestError
from function_app.instances import job_of
from gpu_worker.plan import PREVIEW_NAME

blueprint = df.Blueprint()

FRESH = {"Cache-Control": "no-store"}


@blueprint.route(route="api/jobs/{id}/result", methods=READ)
@blueprint.durable_client_input(client_name="client")
@answering(DOWNLOAD)
def get_result(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Redirect to the painted video."""
    shown = view(find(req, client))
    if not shown["result"]:
        message = f"the job {shown['id']} has no result: it is {shown['status'].lower()}"
        raise RequestError(HTTPStatus.NOT_FOUND, Code.NO_RESULT, message)
    return as_link(req, paths.RESULTS, shown["result"])


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
    if latest is None and view(state)["status"] not in ENDED:
        return func.HttpResponse(status_code=HTTPStatus.NO_CONTENT, headers=FRESH)
    return as_jpeg(latest or _picture(job.job_id, job.video.poster), FRESH)


@blueprint.route(route="api/jobs/{id}/poster", methods=READ)
@blueprint.durable_client_input(client_name="client")
@answering()
def get_poster(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Answer with one painted frame of a job that is done."""
    job = job_of(find(req, client))
    return as_jpeg(_picture(job.job_id, job.video.poster))


@blueprint.route(route="api/jobs/{id}/sheet", methods=READ)
@blueprint.durable_client_input(client_name="client")
@answering()
def get_sheet(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Answer with frames of a job that is done, before and after, on one sheet."""
    job = job_of(find(req, client))
    return as_jpeg(_picture(job.job_id, job.video.sheet))


def _picture(job_id: str, blob_name: str) -> bytes:
    image = storage.read(paths.RESULTS, blob_name)
    if image is None:
        message = f"the job {job_id} has no such picture yet"
        raise RequestError(HTTPStatus.NOT_FOUND, Code.NO_PICTURE, message)
    return image
