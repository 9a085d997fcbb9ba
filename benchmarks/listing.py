"""How long a listing of jobs takes the server, beside one of few jobs.

Asks the API's own function for pages of jobs of a task hub in memory, over gRPC, as in Azure, and
of an index in Azurite: once with 100 jobs of one day, once with 10,000. The first page is asked for
by a process that has asked before, as all but the first request are, and by one that has not; once
of jobs that have all ended, and once of jobs that are all at work.

    python -m benchmarks.listing [--jobs 10000] [--rounds 30]
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import azure.functions as func
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.testing import create_test_backend
from durabletask.testing.in_memory_backend import OrchestrationInstance

from benchmarks import report
from emulator import azurite
from emulator.config import HOST, Config, free_ports
from function_app.api import jobs
from function_app.orchestrator import ORCHESTRATOR
from function_app.settings import settings
from function_app.store import index
from function_app.store.index import forget
from function_app.store.jobs import Job, State

FEW = 100
DAY = timedelta(days=1)
ENDED, AT_WORK = pb.ORCHESTRATION_STATUS_COMPLETED, pb.ORCHESTRATION_STATUS_RUNNING
BINDING: Mapping[str, Any] = {
    "taskHubName": "benchmark",
    "baseUrl": "",
    "httpBaseUrl": "",
    "requiredQueryStringParameters": "",
    "managementUrls": {},
}
PAGES: Mapping[str, Mapping[str, str]] = {
    "first page": {},
    "one video": {"video": "scream/clip 5.mp4"},
    "failed": {"status": "Failed"},
}


def main() -> None:
    """Measure, print the result and keep it."""
    parser = report.options("benchmarks.listing", __doc__)
    parser.add_argument("--jobs", type=int, default=10_000, help="in a hub of many")
    parser.add_argument(
        "--rounds", type=report.times, default=30, help="of each page (default: 30)"
    )
    options = parser.parse_args()
    measured = {
        f"{count} jobs, {name}": _measure(count, status, options.rounds)
        for count in (FEW, options.jobs)
        for name, status in (("ended", ENDED), ("at work", AT_WORK))
    }
    few, many = (measured[f"{count} jobs, at work"] for count in (FEW, options.jobs))
    result = {
        "milliseconds": measured,
        f"first page of {options.jobs} to that of {FEW}": round(
            many["first page"] / few["first page"], 2
        ),
    }
    packages = ("azure-functions-durable", "durabletask", "grpcio", "azure-storage-blob")
    print(report.keep(options.results, "listing", packages, result))


def _measure(count: int, status: pb.OrchestrationStatus, rounds: int) -> dict[str, float]:
    """Return the least time of each page in milliseconds: what others do at the time adds to it."""
    with TemporaryDirectory() as folder, _storage(Path(folder)), _hub(count, status) as address:
        times = {name: _least_ms(query, address, rounds) for name, query in PAGES.items()}
        cold = _least_ms({}, address, rounds, before=forget)
        return {**times, "first page, first request": cold}


@contextmanager
def _storage(state: Path) -> Generator[None]:
    """Serve the app's storage, empty but for its containers."""
    config = Config.on_free_ports(state)
    os.environ.update(config.app_settings)
    settings.cache_clear()
    with subprocess.Popen(azurite.command(config), stdout=subprocess.DEVNULL) as process:
        try:
            _wait(config.blob_port)
            azurite.furnish(config)
            yield
        finally:
            forget()
            process.terminate()


def _wait(port: int) -> None:
    while True:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return


def _least_ms(
    query: Mapping[str, str],
    address: str,
    rounds: int,
    before: Callable[[], None] | None = None,
) -> float:
    ask: Any = jobs.get_jobs.build().get_user_function()
    request = func.HttpRequest("GET", "/api/jobs", params=query, body=b"")
    client = json.dumps({**BINDING, "rpcBaseUrl": f"http://{address}"})
    times: list[float] = []
    for _ in range(rounds):
        if before:
            before()
        start = time.perf_counter()
        answer: func.HttpResponse = ask(req=request, client=client)
        times.append(time.perf_counter() - start)
        assert answer.status_code == 200
    return round(1000 * min(times), 1)


@contextmanager
def _hub(count: int, status: pb.OrchestrationStatus) -> Generator[str]:
    """Run a task hub with jobs begun evenly over the last day, all indexed; give its address."""
    (port,) = free_ports(1)
    backend = create_test_backend(port)
    begun = [datetime.now(UTC) - DAY * (1 - number / count) for number in range(count)]
    works = [Job.of(f"scream/clip {number}.mp4", str(number)) for number in range(count)]
    instances = backend._instances  # pyright: ignore[reportPrivateUsage]
    try:
        for job, moment in zip(works, begun, strict=True):
            instances[job.job_id] = OrchestrationInstance(
                job.job_id,
                ORCHESTRATOR,
                status,
                input=json.dumps(State(job).to_dict()),
                created_at=moment,
                last_updated_at=moment,
            )
        index.add_all(zip(works, begun, strict=True))
        yield f"{HOST}:{port}"
    finally:
        backend.stop()


if __name__ == "__main__":
    main()
