"""Jobs: list, follow, cancel, delete."""

from __future__ import annotations

import logging
from http import HTTPStatus

import azure.durable_functions as df
import azure.functions as func
from azure.core.exceptions import AzureError
from durabletask.client import OrchestrationState

from function_app.api.answers import READ, answering, as_json, as_polled_json, flag
from function_app.api.listing import PARAMETERS, Listing
from function_app.api.view import ENDED, news, view
from function_app.errors import Code, RequestError
from function_app.execution import CANCEL_EVENT
from function_app.instances import is_job, job_of, state_of
from function_app.store import archive, index, poison, results, uploads

blueprint = df.Blueprint()

UPLOAD = "upload"

log = logging.getLogger(__name__)

# A plain alias: the Functions worker refuses one that is made by a type statement.
Client = df.SyncDurableFunctionsClient


@blueprint.route(route="api/jobs", methods=READ)
@blueprint.durable_client_input(client_name="client")
@answering(*PARAMETERS)
def get_jobs(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """List jobs, newest first; `?status=`, `?style=`, `?video=` narrow the list."""
    jobs, following = Listing.read(req).page(client)
    more = {"next": following, "missed": _missed()}
    return as_polled_json(
        req, {"jobs": jobs, **more}, {"jobs": [news(job) for job in jobs], **more}
    )


def _missed() -> list[dict[str, str]]:
    """Return the uploads that have no job since their event failed; not if that cannot be told."""
    try:
        events = poison.peeked()
    except AzureError:
        log.exception("events that failed cannot be looked at")
        return []
    message = "its event failed; the job is started by a timer within minutes"
    return [{"upload": f"{each.container}/{each.blob}", "message": message} for each in events]


@blueprint.route(route="api/jobs/{id}", methods=READ)
@blueprint.durable_client_input(client_name="client")
@answering()
def get_job(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Answer how a job stands."""
    shown = view(find(req, client))
    return as_polled_json(req, shown, news(shown))


@blueprint.route(route="api/jobs/{id}/cancel", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
@answering()
def post_cancel(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Ask for the end of a job."""
    shown = view(find(req, client))
    if shown["status"] in ENDED:
        message = f"the job {shown['id']} has ended already: it is {shown['status'].lower()}"
        raise RequestError(HTTPStatus.CONFLICT, Code.JOB_ENDED, message)
    client.raise_orchestration_event(shown["id"], CANCEL_EVENT)
    return as_json(shown, HTTPStatus.ACCEPTED)


@blueprint.route(route="api/jobs/{id}", methods=["DELETE"])
@blueprint.durable_client_input(client_name="client")
@answering(UPLOAD)
def delete_job(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Forget a job that has ended, with its result; `?upload=true` deletes the upload, too."""
    takes_upload = flag(req, UPLOAD)
    state = find(req, client)
    shown = view(state)
    if shown["status"] not in ENDED:
        message = f"the job {shown['id']} has not ended: it is {shown['status'].lower()}"
        raise RequestError(HTTPStatus.CONFLICT, Code.JOB_RUNNING, message)
    results.delete(job_of(state))
    if takes_upload:
        uploads.delete(job_of(state))
    client.purge_orchestration(shown["id"])
    archive.forget(shown["id"])
    index.remove(shown["id"])
    return func.HttpResponse(status_code=HTTPStatus.NO_CONTENT)


def find(req: func.HttpRequest, client: Client) -> OrchestrationState:
    """Return the orchestration of the job that the route names.

    Raises:
        RequestError: there is none.
    """
    job_id = req.route_params["id"]
    state = state_of(client, job_id)
    if state is None or not is_job(state):
        message = f"there is no job {job_id!r}"
        raise RequestError(HTTPStatus.NOT_FOUND, Code.NO_JOB, message)
    return state
