"""How much the app logs: for one job, and while nothing happens.

A clip is painted by the whole system in the emulator, whose root logger is at INFO as that of the
real worker; then nothing is asked for a while, but by the timers. Counted are the lines of the
Functions host's log, by who wrote them.

    python -m benchmarks.records [--seconds 4] [--idle 60]
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.media import Size, make_clip
from cli.client import Client, Job
from cli.deployment import Deployment
from cli.transfer import upload
from emulator import Config, Emulator
from emulator.signals import end_as_interrupts

SIZE = Size(320, 180)
STYLE = "identity"
FOLLOW_S = 1.0
# The timers' schedules are minutes apart; an idle minute shall hold each of them.
TIMERS = {"REAPER_SCHEDULE": "*/20 * * * * *", "MISSED_SCHEDULE": "*/20 * * * * *"}


def main() -> None:
    """Measure, print the result and keep it."""
    end_as_interrupts()
    parser = report.options("benchmarks.records", __doc__)
    parser.add_argument("--seconds", type=float, default=4, help="of the clip (default: 4)")
    parser.add_argument("--idle", type=float, default=60, help="seconds to wait (default: 60)")
    options = parser.parse_args()
    result = measure(options.seconds, options.idle)
    print(report.keep(options.results, "records", ("azure-functions-durable",), result))


def measure(seconds: float, idle_s: float) -> dict[str, Any]:
    """Paint a clip, then wait; return what was logged by then."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_clip(video := folder / "clip.mp4", seconds, SIZE)
        config = Config.on_free_ports(folder / "state", settings=TIMERS)
        log = config.state / "logs" / "functions.log"
        with Emulator(config), Deployment(config.host_url).client() as client:
            before = _records(log)
            job = _paint(client, video)
            of_job = _records(log)[len(before) :]
            time.sleep(idle_s)
            idle = _records(log)[len(before) + len(of_job) :]
    named = [record for record in of_job if record["job"] == job.id]
    return {
        "clip_s": seconds,
        "records_of_the_job": len(named),
        "records_beside_it": len(of_job) - len(named),
        "by_logger": _by_logger(of_job),
        "lines": [record["message"].replace(job.id, "{id}") for record in named],
        "idle_s": idle_s,
        "records_idle": len(idle),
    }


def _paint(client: Client, video: Path) -> Job:
    place = client.upload({"filename": video.name, "style": STYLE, "bytes": video.stat().st_size})
    upload(video, place["url"], place["headers"], lambda _: None)
    while not (jobs := client.jobs(1, video=place["blob"])) or not jobs[0].has_ended:
        time.sleep(FOLLOW_S)
    return jobs[0]


def _records(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def _by_logger(records: Iterable[dict[str, Any]]) -> dict[str, int]:
    return dict(Counter(record["logger"] for record in records).most_common())


if __name__ == "__main__":
    main()
