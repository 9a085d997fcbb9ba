"""The Azure Machine Learning endpoint: the resource manager's calls that azure-ai-ml makes.

    PUT  .../workspaces/{workspace}/jobs/{name}          submit
    GET  .../workspaces/{workspace}/jobs/{name}          read
    GET  .../workspaces/{workspace}/jobs                 list
    POST .../workspaces/{workspace}/jobs/{name}/cancel   cancel; its Location says when done
    GET  .../workspaces/{workspace}/{computes,environments,datastores}/...
    GET  /logs/{name}                                    what the job's processes printed
    POST /faults/...                                     see `emulator.faults`
    POST /mlflow/...                                     see `emulator.mlflow`

API versions, credentials, subscription, resource group and workspace are taken as they come:
there is one workspace. Run as `python -m emulator.azureml`.
"""

import argparse
import json
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from azure.storage.blob import BlobServiceClient, ExponentialRetry
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator import faults, logs, mlflow
from emulator.cluster import Cluster
from emulator.config import CONTAINERS, HOST
from emulator.jobs import TERMINAL, Job, Site
from emulator.serving import serve
from emulator.spec import InvalidJobError, JobSpec

SUBSCRIPTIONS = (
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Storage"
    "/storageAccounts/{account}/providers/Microsoft.EventGrid/eventSubscriptions"
)
WORKSPACE = (
    "/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.MachineLearningServices/workspaces/{workspace}"
)


class JobExistsError(Exception):
    """Another job has the name already."""


class Workspace:
    """All jobs, those of earlier runs of the endpoint included."""

    def __init__(
        self, folder: Path, storage: BlobServiceClient, cluster: Cluster, site: Site
    ) -> None:
        """Read the jobs that `folder` holds the records of."""
        self._site = site
        self._folder = folder
        self._storage = storage
        self._cluster = cluster
        self._submitting = threading.Lock()
        self.jobs = {
            record.parent.name: Job.load(record.parent) for record in folder.glob("*/job.json")
        }

    @property
    def nodes(self) -> int:
        """Nodes of the cluster."""
        return self._cluster.size

    def submit(self, name: str, body: dict[str, Any]) -> Job:
        """Start the job `name`, or return it where the same was submitted before.

        Raises:
            InvalidJobError: The job cannot be read or does not fit the cluster.
            JobExistsError: The name belongs to a job with other content.
        """
        spec = JobSpec.from_arm(body.get("properties") or {})
        if spec.nodes > self._cluster.size:
            raise InvalidJobError(
                f"{spec.nodes} nodes were asked for, the cluster has {self._cluster.size}."
            )
        with self._submitting:
            if (job := self.jobs.get(name)) is not None:
                if job.body != body:
                    raise JobExistsError(name)
                return job
            job = self.jobs[name] = Job(self._folder / name, body)
            job.start(spec, self._storage, self._cluster, self._site)
            return job

    def close(self) -> None:
        """End every job that runs."""
        for job in self.jobs.values():
            job.close()


def create_app(workspace: Workspace) -> Starlette:
    """Return the endpoint's web application."""

    def find(request: Request) -> Job:
        job = workspace.jobs.get(request.path_params["name"])
        if job is None:
            raise HTTPException(404, f"Job {request.path_params['name']} not found.")
        return job

    async def submit(request: Request) -> Response:
        body = await request.json()
        name = request.path_params["name"]
        job = await run_in_threadpool(workspace.submit, name, body)
        return JSONResponse(_resource(request.url.path, job), status_code=201)

    def read(request: Request) -> Response:
        return JSONResponse(_resource(request.url.path, find(request)))

    def list_jobs(request: Request) -> Response:
        jobs = list(workspace.jobs.values())
        resources = [_resource(f"{request.url.path}/{job.name}", job) for job in jobs]
        return JSONResponse({"value": resources})

    def cancel(request: Request) -> Response:
        find(request).cancel()
        return _accepted(str(request.url_for("cancelled", **request.path_params)))

    def cancelled(request: Request) -> Response:
        ended = find(request).status in TERMINAL
        return Response(status_code=200) if ended else _accepted(str(request.url))

    def compute(request: Request) -> Response:
        nodes = {"scaleSettings": {"minNodeCount": 0, "maxNodeCount": workspace.nodes}}
        properties = {"computeType": "AmlCompute", "properties": nodes}
        return JSONResponse({"id": request.url.path, "properties": properties})

    def environment(request: Request) -> Response:
        return JSONResponse({"id": request.url.path, "properties": {"osType": "Linux"}})

    def datastore(request: Request) -> Response:
        if request.path_params["name"] not in CONTAINERS:
            raise HTTPException(404, f"Datastore {request.path_params['name']} not found.")
        return JSONResponse({"id": request.url.path, "properties": {"datastoreType": "AzureBlob"}})

    def subscriptions(_: Request) -> Response:
        """What `emulator.event_grid` stands in for: events of both containers are delivered."""
        begins = "/blobServices/default/containers/"
        filters = [{"subjectBeginsWith": f"{begins}{name}/"} for name in ("videos", "styles")]
        properties = [{"provisioningState": "Succeeded", "filter": each} for each in filters]
        return JSONResponse({"value": [{"properties": each} for each in properties]})

    def log(request: Request) -> Response:
        # Read at once: it grows, or is emptied, while an answer of a promised length is on its way.
        return Response(find(request).log.read_bytes(), media_type="text/plain")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        yield
        await run_in_threadpool(workspace.close)

    return Starlette(
        routes=[
            Route(f"{WORKSPACE}/jobs", list_jobs),
            Route(f"{WORKSPACE}/jobs/{{name}}", submit, methods=["PUT"]),
            Route(f"{WORKSPACE}/jobs/{{name}}", read),
            Route(f"{WORKSPACE}/jobs/{{name}}/cancel", cancel, methods=["POST"]),
            Route(f"{WORKSPACE}/jobs/{{name}}/cancelled", cancelled, name="cancelled"),
            Route(f"{WORKSPACE}/computes/{{name}}", compute),
            Route(f"{WORKSPACE}/environments/{{name}}/versions/{{version}}", environment),
            Route(f"{WORKSPACE}/datastores/{{name}}", datastore),
            Route(SUBSCRIPTIONS, subscriptions),
            Route("/logs/{name}", log),
            faults.route(find),
            *mlflow.routes(workspace.jobs.get),
        ],
        middleware=[Middleware(faults.Refusals)],
        exception_handlers={
            HTTPException: _not_found,
            InvalidJobError: _invalid,
            JobExistsError: _exists,
        },
        lifespan=lifespan,
    )


def _resource(path: str, job: Job) -> dict[str, Any]:
    """Describe `job` as the resource manager does."""
    return {
        "id": path,
        "name": job.name,
        "type": "Microsoft.MachineLearningServices/workspaces/jobs",
        "properties": {**job.body["properties"], "status": job.shown_status},
    }


def _accepted(location: str) -> Response:
    return Response(status_code=202, headers={"Location": location, "Retry-After": "1"})


def _not_found(_: Request, error: Exception) -> Response:
    return _refusal(404, "NotFound", str(getattr(error, "detail", error)))


def _invalid(_: Request, error: Exception) -> Response:
    return _refusal(400, "ValidationError", str(error))


def _exists(_: Request, error: Exception) -> Response:
    return _refusal(
        400,
        "UserError",
        f"A job with this name already exists: {error}. If you are trying to submit a new job, "
        "use a different name. The configuration of an existing job cannot be changed.",
    )


def _refusal(status: int, code: str, message: str) -> Response:
    """Return an error in the form of the resource manager."""
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status)


def main() -> None:
    """Serve the endpoint until it is asked to end."""
    parser = argparse.ArgumentParser(prog="python -m emulator.azureml", description=main.__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--jobs", type=Path, required=True, help="folder of the jobs' records")
    parser.add_argument("--storage", required=True, help="connection string of the datastores")
    parser.add_argument("--nodes", type=int, required=True, help="nodes of the cluster")
    parser.add_argument(
        "--slow-inputs", type=json.loads, default={}, help="JSON: seconds by the names of inputs"
    )
    options = parser.parse_args()
    logs.configure()
    retry = ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=5)
    storage = BlobServiceClient.from_connection_string(options.storage, retry_policy=retry)
    site = Site(f"http://{HOST}:{options.port}{mlflow.PREFIX}", options.slow_inputs)
    workspace = Workspace(options.jobs, storage, Cluster(options.nodes), site)
    serve(create_app(workspace), options.port)


if __name__ == "__main__":
    main()
