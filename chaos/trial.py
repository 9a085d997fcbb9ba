"""A trial: one schedule, struck against one job, and what the oracle says of it."""

from __future__ import annotations

import hashlib
import subprocess
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from threading import Lock
from typing import Any

import imageio_ffmpeg

from chaos.faults import DEEDS, Victim
from chaos.oracle import SHARD, Observed, unreached, violations
from chaos.scene import Scene
from chaos.schedule import MOMENTS, Schedule, Strike
from function_app.errors import Code
from function_app.store.paths import Video

STYLE = "identity"
LIMIT_S = 150.0
"""In which a job must have ended, however it was struck."""

RECIPES = {
    "sound.mp4": ["-f", "lavfi", "-i", "testsrc2=s=96x64:r=24:d=2,noise=alls=60:allf=t", "-f",
                  "lavfi", "-i", "sine=d=2:sample_rate=24000", "-g", "8", "-sc_threshold", "0"],
    "uneven.mkv": ["-f", "lavfi", "-i", "testsrc2=s=64x96:r=10:d=2", "-vf",
                   r"setpts='PTS+0.03/TB*mod(N\,3)'", "-fps_mode", "passthrough", "-g", "6"],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clip:
    """What is painted.

    Attributes:
        content: of the file.
        reference: SHA-256 of its undisturbed result.
        biggest_shard: in bytes.
    """

    content: bytes
    reference: str
    biggest_shard: int


class UnsoundError(Exception):
    """Though nothing strikes, a clip is not begun, has a wrong result, or one withheld for that."""


class Trials:
    """The trials of one scene."""

    def __init__(self, scene: Scene, clips: Iterable[str] = RECIPES) -> None:
        """Make the clips of those names and paint them undisturbed."""
        self._scene = scene
        folder = scene.emulator.config.state / "clips"
        folder.mkdir()
        self._clips: dict[str, Clip] = {}
        for name in clips:
            make(RECIPES[name], str(folder / name))
            content = (folder / name).read_bytes()
            sizes: list[int] = []
            scene.proxy.watcher = partial(_note_shard, sizes)
            self._clips[name] = Clip(content, self._undisturbed(name, content), max(sizes))

    def run(self, schedule: Schedule) -> dict[str, Any]:
        """Strike a job by a schedule; return what became of it."""
        start = time.monotonic()
        clip = self._clips[schedule.clip]
        stem, _, suffix = schedule.clip.partition(".")
        video = f"{STYLE}/{stem}-{schedule.seed}-{time.time_ns()}.{suffix}"
        with _Striking(self._scene, schedule, clip, video) as striking:
            seen = striking.begin()
            job = self._scene.wait(seen.job_id, LIMIT_S)
            job = striking.end(job)
            self._scene.wait_for_events()
            self._scene.wait_for_others(video, LIMIT_S)
        wrong = violations(self._scene, seen, job)
        self._clear(video)
        return {
            "seed": schedule.seed,
            "date": datetime.now(UTC).date().isoformat(),
            "clip": schedule.clip,
            "strikes": [{**asdict(each), "hit": each in seen.strikes} for each in schedule.strikes],
            "status": job["status"] if job else None,
            "attempts": job["attempt"] if job else 0,
            "violations": wrong,
            "seconds": round(time.monotonic() - start, 1),
        }

    def _undisturbed(self, name: str, content: bytes) -> str:
        """Return the checksum of two undisturbed results, which must be one."""
        sums: set[str] = set()
        for number in range(2):
            video = Video(STYLE, f"undisturbed-{number}-{name}")
            job = self._scene.wait(self._scene.upload(video.blob, content), LIMIT_S)
            result = self._scene.read("results", video.painted)
            if result is None:
                error: dict[str, Any] = (job or {}).get("error") or {}
                withheld = error.get("code") == Code.BAD_RESULT
                # One that has begun and not ended may be slow: that is the machine's fault.
                unbegun = job is None or job["status"] == "Pending"
                kind = UnsoundError if withheld or unbegun else RuntimeError
                raise kind(f"{name} cannot be painted undisturbed: {job}")
            if unreached(content, result):
                raise UnsoundError(f"{name} is painted, but a player does not reach all of it")
            sums.add(hashlib.sha256(result).hexdigest())
        if len(sums) > 1:
            raise RuntimeError(f"{name} is not painted the same twice")
        return sums.pop()

    def _clear(self, video: str) -> None:
        """Leave the scene as it was found."""
        self._scene.proxy.troubles.clear()
        for container in ("videos", "results"):
            for name in self._scene.names(container, video.rpartition(".")[0]):
                self._scene.blobs.get_blob_client(container, name).delete_blob()


class _Striking:
    """Watches the requests of one job, and strikes when a moment comes."""

    def __init__(self, scene: Scene, schedule: Schedule, clip: Clip, video: str) -> None:
        self._scene, self._clip, self._video = scene, clip, video
        self._waiting = list(schedule.strikes)
        self._counts: Counter[str] = Counter()
        self._lock = Lock()
        self._victim: Victim | None = None
        self._seen: Observed | None = None

    def __enter__(self) -> _Striking:
        self._scene.proxy.watcher = self._watch
        return self

    def __exit__(self, *_: object) -> None:
        self._scene.proxy.watcher = lambda _line, _body: None

    def begin(self) -> Observed:
        """Upload the video, struck before or not."""
        early = [strike for strike in self._waiting if strike.moment == "upload"]
        for strike in early:
            self._waiting.remove(strike)
            DEEDS[strike.fault](self._victim_of(""))
        job_id = self._scene.upload(self._video, self._clip.content)
        self._victim = self._victim_of(job_id)
        self._seen = Observed(self._video, job_id, self._clip.reference, early)
        return self._seen

    def _victim_of(self, job_id: str) -> Victim:
        # The last bytes are free space in both containers' eyes, so this is another video.
        other = self._clip.content[:-7]
        return Victim(self._scene, self._video, job_id, other, self._clip.biggest_shard)

    def end(self, job: dict[str, Any] | None) -> dict[str, Any] | None:
        """Strike what is to come after the end; return the job as it is then."""
        late = [strike for strike in self._waiting if strike.moment == "end"]
        if self._seen is None or job is None or not late:
            return job
        self._seen.started = job["created"]
        for strike in late:
            self._strike(strike)
        self._scene.wait_for_events()
        return self._scene.wait(job["id"], LIMIT_S) or job

    def _watch(self, line: str, body: bytes) -> None:
        if self._seen is None:
            return
        self._seen.note_write(line, body, self._scene)
        for strike in self._due(line):
            self._strike(strike)

    def _due(self, line: str) -> list[Strike]:
        with self._lock:
            come = {moment for moment, requests in MOMENTS.items() if requests.match(line)}
            self._counts.update(come)
            due = [
                each
                for each in self._waiting
                if each.moment in come and self._counts[each.moment] >= each.nth
            ]
            self._waiting = [each for each in self._waiting if each not in due]
            return due

    def _strike(self, strike: Strike) -> None:
        if self._victim is None or self._seen is None:
            return
        # Noted first: the job may have ended by it before the deed is done.
        self._seen.strikes.append(strike)
        if not self._victim.strike(strike.fault):
            self._seen.strikes.remove(strike)
            self._waiting.append(strike)  # there was nothing to strike yet


def _note_shard(sizes: list[int], line: str, body: bytes) -> None:
    if SHARD.match(line):
        sizes.append(len(body))


def make(recipe: list[str], file: str) -> None:
    """Write a clip by one of the `RECIPES`."""
    x264 = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "20", "-threads", "1", "-bf", "2"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *recipe, *x264, file]
    subprocess.run(command, check=True, timeout=60)
