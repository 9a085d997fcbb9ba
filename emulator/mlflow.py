"""MLflow's tracking calls, as an Azure Machine Learning workspace has them: metrics of its runs.

    POST /mlflow/api/2.0/mlflow/runs/log-batch         what a job's processes send
    GET  /mlflow/api/2.0/mlflow/metrics/get-history    ?run_id=&metric_key=, what they sent

https://mlflow.org/docs/latest/rest-api.html
"""

import json
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator.jobs import Job

PREFIX = "/mlflow"
"""What MLFLOW_TRACKING_URI ends in."""
CALLS = f"{PREFIX}/api/2.0/mlflow"


def routes(find: Callable[[str], Job | None]) -> list[Route]:
    """Return the routes.

    Args:
        find: Finds a job by name.
    """

    def run(name: str) -> Job:
        job = find(name)
        if job is None:
            raise HTTPException(404, f"Run {name} not found.")
        return job

    async def log_batch(request: Request) -> Response:
        body = await request.json()
        lines = [json.dumps(metric) + "\n" for metric in body["metrics"]]
        with run(body["run_id"]).metrics.open("a") as file:
            file.writelines(lines)
        return JSONResponse({})

    def get_history(request: Request) -> Response:
        file = run(request.query_params["run_id"]).metrics
        lines = file.read_text().splitlines() if file.exists() else []
        key = request.query_params["metric_key"]
        metrics = [metric for line in lines if (metric := json.loads(line))["key"] == key]
        return JSONResponse({"metrics": metrics})

    return [
        Route(f"{CALLS}/runs/log-batch", log_batch, methods=["POST"]),
        Route(f"{CALLS}/metrics/get-history", get_history),
    ]
