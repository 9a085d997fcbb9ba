"""Metrics to a tracking server: what is posted, how often, and what a bad server does to us."""

import json
from collections.abc import Generator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from gpu_worker.plan import Progress
from gpu_worker.ranks.metrics import INTERVAL_SECONDS, Metrics


@dataclass
class Server:
    """A tracking server that keeps what it is sent, and answers with one status."""

    status: int = 200
    url: str = ""
    requests: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)


@pytest.fixture
def server() -> Generator[Server]:
    kept = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            kept.requests.append((self.path, self.headers["Authorization"], body))
            self.send_response(kept.status)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        kept.url = f"http://127.0.0.1:{listening.server_port}/tracking"
        thread = Thread(target=listening.serve_forever, args=[0.05])
        thread.start()
        yield kept
        listening.shutdown()
        thread.join()


def told(server: Server, *frames: int, every: float = INTERVAL_SECONDS) -> list[int]:
    """Tell of so many frames, one after the other; return those that were posted."""
    now = 0.0
    metrics = Metrics(
        {
            "MLFLOW_TRACKING_URI": server.url,
            "MLFLOW_RUN_ID": "run-a1",
            "MLFLOW_TRACKING_TOKEN": "secret",
        },
        lambda: now,
    )
    for count in frames:
        metrics.tell(Progress(0, count, count / 2, "a device"))
        metrics.close() if count == frames[-1] else _settle(metrics)
        now += every
    return [body["metrics"][0]["step"] for _, _, body in server.requests]


def _settle(metrics: Metrics) -> None:
    """Wait for what is being posted."""
    if metrics._posting is not None:
        metrics._posting.result()


def test_a_post_names_run_and_values(server: Server) -> None:
    assert told(server, 30) == [30]
    ((path, authorization, body),) = server.requests
    assert path == "/tracking/api/2.0/mlflow/runs/log-batch"
    assert authorization == "Bearer secret"
    assert body["run_id"] == "run-a1"
    values = {metric["key"]: metric["value"] for metric in body["metrics"]}
    assert values == {"frames": 30, "frames_per_second": 15.0}
    assert all(metric["timestamp"] > 1e12 for metric in body["metrics"])


def test_posts_keep_their_distance_but_the_last_is_always_sent(server: Server) -> None:
    assert told(server, 1, 2, 3, 4, 5, every=INTERVAL_SECONDS / 2) == [1, 3, 5]


def test_a_server_that_refuses_is_left_alone(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.status = 500
    assert told(server, 1, 2, 3) == [1]
    assert "takes no metrics" in caplog.text


def test_a_server_that_is_not_there_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    assert told(Server(url="http://127.0.0.1:1"), 1, 2) == []
    assert caplog.text.count("takes no metrics") == 1


@pytest.mark.parametrize("missing", ["MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"])
def test_without_a_server_nothing_is_posted(server: Server, missing: str) -> None:
    environment = {"MLFLOW_TRACKING_URI": server.url, "MLFLOW_RUN_ID": "run-a1"} | {missing: ""}
    metrics = Metrics(environment)
    metrics.tell(Progress(0, 1, 1.0, "a device"))
    metrics.close()
    assert server.requests == []
