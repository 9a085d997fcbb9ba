"""How long a listing of jobs takes the server, beside one of few jobs.

Asks the API's own function for pages of jobs of a task hub in memory, over gRPC, as in Azure: once
with 10 jobs in it, once with 1,000 of one hour, once with 1,000 of a month. What was measured is
printed and kept in `results/listing.json`.

    python -m benchmarks.listing
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Generator
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
FEW, MANY = 10, 1000
PAGES = {
    "first page": {},
    "one video": {"video": "scream/clip 5.mp4"},
    "all, 1000 a page": {"top": "1000"},
}
HUBS = {
    "10 of one hour": (FEW, timedelta(hours=1)),
    "1000 of one hour": (MANY, timedelta(hours=1)),
    "1000 of a month": (MANY, timedelta(days=30)),
}


def main() -> None:
    """Measure, print the result and keep it."""
    milliseconds = {name: _measure(*hub) for name, hub in HUBS.items()}
    first = {name: pages["first page"] for name, pages in milliseconds.items()}
    few = first.pop("10 of one hour")
    ratios = {name: round(value / few, 1) for name, value in first.items()}
    result = {"milliseconds": milliseconds, "first page to that of 10": ratios}
    print(report.keep("listing", ("azure-functions-durable", "durabletask", "grpcio"), result))


def _measure(count: int, span: timedelta) -> dict[str, float]:
    """Return the median time of each page in milliseconds."""
    listing = Function.of(jobs.get_jobs.build())
    with _hub(count, span) as address:
        return {name: _median_ms(listing, query, address) for name, query in PAGES.items()}


def _median_ms(listing: Function, query: dict[str, str], address: str) -> float:
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
        for number, instance in enumerate(backend._instances.values()):
            instance.created_at = now - span * (number + 0.5) / count
        yield f"{HOST}:{port}"
    finally:
        client.close()
        backend.stop()


if __name__ == "__main__":
    main()
