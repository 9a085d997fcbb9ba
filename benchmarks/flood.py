"""What many uploads at once do: whether all end, in what order, and what they cost the host.

    python -m benchmarks.flood load     # 200 videos
    python -m benchmarks.flood flood    # 500 uploads, most of them no videos

Uploads everything at once to an emulator and waits until every job has ended. The videos are small:
the queue, the host and the storage are measured here, not the painting.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psutil

from benchmarks import report
from chaos.scene import Scene
from chaos.trial import RECIPES, make
from emulator.signals import end_as_interrupts
from function_app.api.view import ENDED

JOBS_AT_ONCE = 8
POLL_S = 2.0
LIMIT_S = 3600.0
PLACE = re.compile(r"PUT .*/jobs/turns/([^?]+)")
MIB = 2**20
JUNK = (b"", b"Dear diary,\n" * 50, b"#EXTM3U\nhttp://127.0.0.1/x.ts\n", bytes(range(256)) * 40)


@dataclass(frozen=True, slots=True)
class Rush:
    """What is uploaded at once.

    Attributes:
        uploads: how many.
        videos: how many of them are videos; the others are junk.
    """

    uploads: int
    videos: int


RUSHES = {"load": Rush(200, 200), "flood": Rush(500, 50)}


def main() -> None:
    """Measure once, print the result and keep it."""
    end_as_interrupts()
    parser = report.options("benchmarks.flood", __doc__)
    parser.add_argument("name", choices=RUSHES)
    parser.add_argument(
        "--uploads", type=report.times, help="another number, the same share of it videos"
    )
    options = parser.parse_args()
    rush = RUSHES[options.name]
    if options.uploads:
        rush = Rush(options.uploads, options.uploads * rush.videos // rush.uploads)
    settings = {"JOBS_AT_ONCE": str(JOBS_AT_ONCE), "POLL_SECONDS": "2"}
    cluster = {"processes_per_node": 1, "nodes": 2}
    with (
        tempfile.TemporaryDirectory() as folder,
        Scene.set_up(Path(folder) / "state", settings, own_clock=False, **cluster) as scene,
    ):
        result = _measure(scene, rush)
    packages = ("azure-functions-durable", "azure-storage-blob")
    print(report.keep(options.results, options.name, packages, result))


def _measure(scene: Scene, rush: Rush) -> dict[str, object]:
    operations: Counter[str] = Counter()
    places: set[str] = set()

    def watch(line: str, _body: bytes) -> None:
        operations.update([line.partition(" ")[0]])
        places.update(PLACE.findall(line))

    scene.proxy.watcher = watch
    memory = [_host_memory(scene)]
    start = time.monotonic()
    uploaded = _upload_all(scene, rush)
    ended: dict[str, float] = {}
    jobs: dict[str, dict[str, Any]] = {}
    while len(ended) < rush.uploads and time.monotonic() - start < LIMIT_S:
        time.sleep(POLL_S)
        memory.append(_host_memory(scene))
        for job in _jobs(scene):
            jobs[job["id"]] = job
            if job["status"] in ENDED:
                ended.setdefault(job["id"], time.monotonic() - start)
    videos = [job_id for job_id, is_video in uploaded.items() if is_video]
    turns = [place.partition("Z-")[2] for place in sorted(places)]
    return {
        "uploads": rush.uploads,
        "videos": rush.videos,
        "jobs_at_once": JOBS_AT_ONCE,
        "statuses": dict(
            Counter(jobs[each]["status"] if each in jobs else "none" for each in uploaded)
        ),
        "seconds": round(time.monotonic() - start, 1),
        "most_places_out_of_order": {
            "from_upload_to_turn": _disorder(videos, turns),
            "from_turn_to_end": _disorder(turns, _in_order_of_end(jobs, videos)),
        },
        "history_events_most": max((_history(scene, each) for each in videos[:20]), default=0),
        "storage_operations_per_upload": round(sum(operations.values()) / rush.uploads, 1),
        "host_mib": {
            "before": round(memory[0], 1),
            "median": round(median(memory), 1),
            "most": round(max(memory), 1),
            "after": round(memory[-1], 1),
        },
        "left_in_jobs": len([name for name in scene.names("jobs") if not name.startswith("days/")]),
    }


def _upload_all(scene: Scene, rush: Rush) -> dict[str, bool]:
    """Upload everything, the videos spread evenly; return which job is a video's, in order."""
    clip = scene.emulator.config.state / "sound.mp4"
    make(RECIPES["sound.mp4"], str(clip))
    video = clip.read_bytes()

    def upload(number: int) -> tuple[str, bool]:
        is_video = (
            number * rush.videos // rush.uploads != (number + 1) * rush.videos // rush.uploads
        )
        content = video if is_video else JUNK[number % len(JUNK)]
        return scene.upload(f"identity/upload-{number:03}.mp4", content), is_video

    with ThreadPoolExecutor(8) as threads:
        return dict(threads.map(upload, range(rush.uploads)))


def _jobs(scene: Scene) -> list[dict[str, Any]]:
    """Return all jobs, page by page; what cannot be had now is had the next time."""
    jobs: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        asked = {"top": 1000, **({"cursor": cursor} if cursor else {})}
        try:
            answer = scene.host.get("/api/jobs", params=asked).raise_for_status()
        except httpx.HTTPError:
            break
        page = answer.json()
        jobs += page["jobs"]
        cursor = page.get("next")
    return jobs


def _in_order_of_end(jobs: dict[str, dict[str, Any]], ids: list[str]) -> list[str]:
    return sorted((each for each in ids if each in jobs), key=lambda each: jobs[each]["updated"])


def _disorder(before: list[str], after: list[str]) -> int:
    """Return by how many places a job went back or forth at most."""
    places = {job_id: place for place, job_id in enumerate(after)}
    return max((abs(place - places[job_id]) for place, job_id in enumerate(before)), default=0)


def _history(scene: Scene, job_id: str) -> int:
    url = f"/runtime/webhooks/durabletask/instances/{job_id}"
    answer = scene.host.get(url, params={"showHistory": "true"})
    return len(answer.json().get("historyEvents", [])) if answer.is_success else 0


def _host_memory(scene: Scene) -> float:
    pid = scene.emulator.children["functions"].pid
    return psutil.Process(pid).memory_info().rss / MIB


if __name__ == "__main__":
    main()
