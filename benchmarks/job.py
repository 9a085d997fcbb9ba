"""One whole job, from upload to result, in the emulator: what is not scoring, and blob operations.

Scoring is the time in which the worker runs, from `mpiexec` to its end: that is what a cluster is
paid for. Everything else is overhead: noticing the upload, preprocessing, submitting, polling,
stitching. Blob operations are counted in Azurite's own log: of the job those that name it or its
video; the function app's host looks for uploads the while, which costs the same without a job.

    python -m benchmarks.job [--seconds 20] [--style scream]
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import unquote

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.media import make_clip
from benchmarks.report import keep
from cli.client import Client
from cli.deployment import Deployment
from cli.transfer import upload
from emulator import Config, Emulator

WATCH_S = 0.2
FOLLOW_S = 0.2
REQUEST = re.compile(r'"(?P<method>[A-Z]+) (?P<url>\S+) HTTP')
FIXED_OPERATIONS = 40
OPERATIONS_PER_SHARD = 6


def main() -> None:
    """Measure, print a table and keep the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.job", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--style", default="scream")
    options = parser.parse_args()
    result = measure(options.seconds, options.style)
    keep("job", ("torch", "azure-functions-durable", "azure-storage-blob"), result)
    Console().print(table(result))


def measure(seconds: float, style: str) -> dict[str, Any]:
    """Paint a clip of so many seconds by the whole system; return what is kept."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        video = folder / "clip.mp4"
        make_clip(video, seconds)
        config = replace(Config.on_free_ports(folder / "state"), access_log=True)
        with (
            Emulator(config),
            Deployment(config.host_url).client() as client,
            _scoring(config.state) as scored,
        ):
            start = time.monotonic()
            frames, job_id, shards = _paint(client, video, style, config)
            end = time.monotonic()
        log = (config.state / "logs" / "azurite.log").read_text()
    wall, scoring = end - start, scored[-1] - scored[0]
    operations = _operations(log, job_id, video.name)
    return {
        "frames": frames,
        "shards": shards,
        "wall_s": round(wall, 2),
        "scoring_s": round(scoring, 2),
        "before_scoring_s": round(scored[0] - start, 2),
        "after_scoring_s": round(end - scored[-1], 2),
        "overhead_s": round(wall - scoring, 2),
        "overhead_share": round(1 - scoring / wall, 3),
        "frames_per_second": round(frames / wall, 1),
        "operations": operations.total(),
        "operations_allowed": OPERATIONS_PER_SHARD * shards + FIXED_OPERATIONS,
        "operations_by_kind": dict(operations.most_common()),
    }


def _paint(client: Client, video: Path, style: str, config: Config) -> tuple[int, str, int]:
    order = {"filename": video.name, "style": style, "bytes": video.stat().st_size}
    place = client.upload(order)
    upload(video, place["url"], place["headers"], lambda _: None)
    while not (jobs := client.jobs(1, video=place["blob"])):
        time.sleep(FOLLOW_S)
    while not (job := client.job(jobs[0].id)).has_ended:
        time.sleep(FOLLOW_S)
    if job.status != "Completed":
        raise SystemExit(f"the job failed: {job.message}")
    logs = "\n".join(log.read_text() for log in config.state.rglob("std_log.txt"))
    return job.total, job.id, len(set(re.findall(r"shard (\d+): frames", logs)))


@contextmanager
def _scoring(state: Path) -> Generator[list[float]]:
    """Give the times at which a worker was seen to run."""
    seen: list[float] = []
    leaving = Event()
    watch = Thread(target=_watch, args=(str(state), seen, leaving))
    watch.start()
    try:
        yield seen
    finally:
        leaving.set()
        watch.join()


def _watch(state: str, seen: list[float], leaving: Event) -> None:
    while not leaving.wait(WATCH_S):
        commands = (process.info["cmdline"] or () for process in psutil.process_iter(["cmdline"]))
        if any("gpu_worker.score" in words and state in " ".join(words) for words in commands):
            seen.append(time.monotonic())


def _operations(log: str, job_id: str, video: str) -> Counter[str]:
    """Count the requests that name the job or its video, by method, container and kind of blob."""
    counted: Counter[str] = Counter()
    for request in REQUEST.finditer(log):
        url = unquote(request["url"])
        if job_id in url or video in url:
            counted[f"{request['method']} {_kind(url, job_id)}"] += 1
    return counted


def _kind(url: str, job_id: str) -> str:
    """Shorten a URL to what was asked for: numbers and names of this job left out."""
    path, _, query = url.partition("?")
    path = path.removeprefix("/devstoreaccount1/").replace(job_id, "{id}")
    options = [word.partition("=") for word in query.split("&") if word]
    asked = [f"{key}={value}" for key, _, value in options if key in ("comp", "restype")]
    return re.sub(r"\d{3,}", "N", path) + ("?" + "&".join(asked) if asked else "")


def table(result: dict[str, Any]) -> Table:
    """Show the figures and the operations."""
    shown = Table(title="One job, upload to result")
    shown.add_column("what")
    shown.add_column("figure", justify="right")
    for key, value in result.items():
        if not isinstance(value, dict):
            shown.add_row(key, str(value))
    for kind, count in result["operations_by_kind"].items():
        shown.add_row(f"  {kind}", str(count))
    return shown


if __name__ == "__main__":
    main()
