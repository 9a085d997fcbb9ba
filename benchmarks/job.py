"""One whole job, from upload to result, in the emulator: what is not scoring, and blob operations.

Scoring is the time in which the worker runs, from `mpiexec` to its end: that is what a cluster is
paid for. Everything else is overhead: noticing the upload, preprocessing, submitting, polling,
stitching. A short job goes first, for the first one of a host waits for imports as well; what it
spent before scoring is kept too. Of several jobs, for the end of one may fall just before a poll or
just after, the figures are those of the median, the overheads those of all. Blob operations are
counted in Azurite's own log: of a job those that name it or its video; the function app's host
looks for uploads the while, which costs the same without a job.

    python -m benchmarks.job [--seconds 20] [--style scream] [--runs 5]
"""

from __future__ import annotations

import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from shutil import copy
from typing import Any
from urllib.parse import unquote

from benchmarks import report
from benchmarks.media import Size, make_clip
from benchmarks.workers import painted, scoring
from cli.client import Client, Job
from cli.deployment import Deployment
from cli.transfer import upload
from emulator import Config, Emulator
from emulator.signals import end_as_interrupts

SIZE = Size(640, 360)
FOLLOW_S = 0.1
FIRST_CLIP_S = 2.0
REQUEST = re.compile(r'"(?P<method>[A-Z]+) (?P<url>\S+) HTTP')
FIXED_OPERATIONS = 40
OPERATIONS_PER_SHARD = 6


def main() -> None:
    """Measure, print a table and keep the results."""
    end_as_interrupts()
    parser = report.options("benchmarks.job", __doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--style", default="scream")
    parser.add_argument(
        "--runs", type=report.times, default=5, help="how many such jobs (default: 5)"
    )
    options = parser.parse_args()
    result = measure(options.seconds, options.style, options.runs)
    packages = ("torch", "azure-functions-durable", "azure-storage-blob")
    report.keep(options.results, "job", packages, result)
    report.show("One job, upload to result", list(_rows(result)))


@dataclass(frozen=True, slots=True)
class Run:
    """One job. Times are in seconds."""

    job_id: str
    video: str
    frames: int
    wall: float
    before_scoring: float
    after_scoring: float

    @property
    def scoring(self) -> float:
        """Time in which the worker ran."""
        return self.wall - self.before_scoring - self.after_scoring

    @property
    def overhead(self) -> float:
        """All the other time."""
        return self.before_scoring + self.after_scoring

    @property
    def overhead_share(self) -> float:
        """Of the whole."""
        return round(self.overhead / self.wall, 3)


def measure(seconds: float, style: str, runs: int) -> dict[str, Any]:
    """Paint a clip of so many seconds by the whole system, so often; return what is kept."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_clip(short := folder / "short.mp4", FIRST_CLIP_S, SIZE)
        make_clip(video := folder / "clip.mp4", seconds, SIZE)
        config = replace(Config.on_free_ports(folder / "state"), access_log=True)
        with Emulator(config), Deployment(config.host_url).client() as client:
            first = _timed(client, short, style, config)
            timed = [
                # Under one name it would be the same job again.
                _timed(client, Path(copy(video, folder / f"clip-{number}.mp4")), style, config)
                for number in range(runs)
            ]
        log = (config.state / "logs" / "azurite.log").read_text()
        run = sorted(timed, key=attrgetter("overhead_share"))[runs // 2]
        shards = len(painted(config.state, run.job_id)[0])
    counted = {each.job_id: _operations(log, each) for each in timed}
    operations = counted[run.job_id]
    return {
        "frames": run.frames,
        "shards": shards,
        "wall_s": round(run.wall, 2),
        "scoring_s": round(run.scoring, 2),
        "before_scoring_s": round(run.before_scoring, 2),
        "before_scoring_first_s": round(first.before_scoring, 2),
        "after_scoring_s": round(run.after_scoring, 2),
        "overhead_s": round(run.overhead, 2),
        "overhead_share": run.overhead_share,
        "overhead_shares": sorted(each.overhead_share for each in timed),
        "frames_per_second": round(run.frames / run.wall, 1),
        "frames_per_second_of_scoring": round(run.frames / run.scoring, 1),
        "operations": operations.total(),
        "operations_most": max(each.total() for each in counted.values()),
        "operations_allowed": OPERATIONS_PER_SHARD * shards + FIXED_OPERATIONS,
        "operations_by_kind": dict(operations.most_common()),
    }


def _timed(client: Client, video: Path, style: str, config: Config) -> Run:
    """Paint a video and say where the time went."""
    with scoring(config.state) as seen:
        start = time.monotonic()
        job = _paint(client, video, style)
        end = time.monotonic()
    before, after = seen[0].at - start, end - seen[-1].at
    return Run(job.id, video.name, job.total, end - start, before, after)


def _paint(client: Client, video: Path, style: str) -> Job:
    order = {"filename": video.name, "style": style, "bytes": video.stat().st_size}
    place = client.upload(order)
    upload(video, place["url"], place["headers"], lambda _: None)
    while not (jobs := client.jobs(1, video=place["blob"])):
        time.sleep(FOLLOW_S)
    while not (job := client.job(jobs[0].id)).has_ended:
        time.sleep(FOLLOW_S)
    if job.status != "Completed":
        raise SystemExit(f"the job failed: {job.message}")
    return job


def _operations(log: str, run: Run) -> Counter[str]:
    """Count the requests that name the job or its video, by method, container and kind of blob."""
    counted: Counter[str] = Counter()
    for request in REQUEST.finditer(log):
        url = unquote(request["url"])
        if run.job_id in url or run.video in url:
            counted[f"{request['method']} {_kind(url, run.job_id)}"] += 1
    return counted


def _kind(url: str, job_id: str) -> str:
    """Shorten a URL to what was asked for: numbers and names of this job left out."""
    path, _, query = url.partition("?")
    path = path.removeprefix("/devstoreaccount1/").replace(job_id, "{id}")
    options = [word.partition("=") for word in query.split("&") if word]
    asked = [f"{key}={value}" for key, _, value in options if key in ("comp", "restype")]
    return re.sub(r"\d{3,}", "N", path) + ("?" + "&".join(asked) if asked else "")


def _rows(result: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    """Each figure in a row of its own, the operations last."""
    figures = {key: value for key, value in result.items() if key != "operations_by_kind"}
    for what, figure in (figures | result["operations_by_kind"]).items():
        yield {"what": what, "figure": figure}


if __name__ == "__main__":
    main()
