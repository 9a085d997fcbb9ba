"""How long a listing of jobs takes the server, beside one of few jobs.

Asks the API's own function for pages of jobs of a task hub in memory, over gRPC, as in Azure: once
with 10 jobs in it, once with 1,000 of one hour, once with 1,000 of a month.

    python -m benchmarks.listing [--jobs 1000]
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import azure.functions as func
from azure.durable_functions.internal.serialization import DEFAULT_FUNCTIONS_DATA_CONVERTER
from durabletask.client import TaskHubGrpcClient
from durabletask.testing import create_test_backend

from benchmarks import report
from emulator.config import HOST, free_ports
from emulator.functions import Function
from function_app.api import jobs
from function_app.jobs import Job, State
from function_app.orchestrator import ORCHESTRATOR

ROUNDS = 30
FEW = 10
HOUR, MONTH = timedelta(hours=1), timedelta(days=30)
PAGES: Mapping[str, Mapping[str, str]] = {
    "first page": {},
    "one video": {"video": "scream/clip 5.mp4"},
    "all, 1000 a page": {"top": "1000"},
}


def main() -> None:
    """Measure, print the result and keep it."""
    parser = report.options("benchmarks.listing", __doc__)
    parser.add_argument("--jobs", type=int, default=1000, help="in a hub of many")
    options = parser.parse_args()
    few = _measure(FEW, HOUR)
    many = {
        f"{options.jobs} of one hour": _measure(options.jobs, HOUR),
        f"{options.jobs} of a month": _measure(options.jobs, MONTH),
    }
    first = {name: pages["first page"] / few["first page"] for name, pages in many.items()}
    result = {
        "milliseconds": {f"{FEW} of one hour": few, **many},
        f"first page to that of {FEW}": {name: round(value, 1) for name, value in first.items()},
    }
    packages = ("azure-functions-durable", "durabletask", "grpcio")
    print(report.keep(options.results, "listing", packages, result))


def _measure(count: int, span: timedelta) -> dict[str, float]:
    """Return the median time of each page in milliseconds."""
    listing = Function.of(jobs.get_jobs.build())
    with _hub(count, span) as address:
        return {name: _median_ms(listing, query, address) for name, query in PAGES.items()}


def _median_ms(listing: Function, query: Mapping[str, str], address: str) -> float:
    request = func.HttpRequest("GET", "/api/jobs", params=query, body=b"")
    client = json.dumps(
        {
            "taskHubName": "benchmark",
            "rpcBaseUrl": f"http://{address}",
            "baseUrl": "",
            "httpBaseUrl": "",
            "requiredQueryStringParameters": "",
            "managementUrls": {},
        }
    )
    times: list[float] = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        asyncio.run(listing.invoke(request, client))
        times.append(time.perf_counter() - start)
    return round(1000 * statistics.median(times), 1)


@contextmanager
def _hub(count: int, span: timedelta) -> Generator[str]:
    """Run a task hub with jobs begun evenly over a span that ends now; give its address."""
    (port,) = free_ports(1)
    backend = create_test_backend(port)
    client = TaskHubGrpcClient(
        host_address=f"{HOST}:{port}", data_converter=DEFAULT_FUNCTIONS_DATA_CONVERTER
    )
    try:
        for number in range(count):
            job = Job.of(f"scream/clip {number}.mp4", str(number))
            client.schedule_new_orchestration(
                ORCHESTRATOR, input=State(job).to_dict(), instance_id=job.job_id
            )
        now = datetime.now(UTC)
        # The hub itself would have them begin now.
        instances = backend._instances  # pyright: ignore[reportPrivateUsage]
        for number, instance in enumerate(instances.values()):
            instance.created_at = now - span * (number + 0.5) / count
        yield f"{HOST}:{port}"
    finally:
        client.close()
        backend.stop()


if __name__ == "__main__":
    main()
