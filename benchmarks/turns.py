"""Whether clips wait for a film: what they take beside one, and what it takes to give way to them.

    python -m benchmarks.turns [--film-seconds 120] [--clips 10] [--clip-seconds 1] [--every 40]

An emulator with two nodes of one rank, each on cores of its own. A clip and the film, which takes
both nodes, are painted alone first, then the film with clips uploaded one after the other while it
is painted: not so close that they wait for each other. Kept is

alone         seconds from upload to result of a clip that has the cluster to itself;
beside        those of each clip while the film is there, of which `not painting` are without a
              worker: waiting for a node, reading, joining, looking;
same          whether the film's result has the SHA-256 of the one painted alone;
painted twice shards of the film that were painted more than once, and how often it was started.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.media import Size, make_clip
from benchmarks.workers import LOOK_S, Seen, painted, scoring
from chaos.scene import Scene
from emulator.signals import end_as_interrupts

NODES = 2
SIZE = Size(640, 360)
# By these the film is long enough to be given both nodes, and a clip is short.
SETTINGS = {
    "RESTART_SECONDS": "5",
    "POLL_SECONDS": "1",
    "MEGAPIXELS_PER_SECOND": "1",
    "TARGET_MINUTES": "1",
}
LIMIT_S = 3600.0


@dataclass(frozen=True, slots=True)
class Turn:
    """One job, from its upload to its end.

    Attributes:
        job_id: its id.
        status: in which it ended.
        total_s: seconds in all.
        painting_s: seconds of them in which a worker was there for it.
    """

    job_id: str
    status: str
    total_s: float
    painting_s: float

    @property
    def not_painting_s(self) -> float:
        """Seconds in which no worker was there for it."""
        return round(self.total_s - self.painting_s, 1)


def main() -> None:
    """Measure, print a table and keep the result."""
    end_as_interrupts()
    parser = report.options("benchmarks.turns", __doc__)
    parser.add_argument("--film-seconds", type=float, default=120)
    parser.add_argument("--clips", type=report.times, default=10)
    parser.add_argument("--clip-seconds", type=float, default=1)
    parser.add_argument("--every", type=float, default=40, help="seconds from clip to clip")
    parser.add_argument("--style", default="scream")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_clip(film := folder / "film.mp4", options.film_seconds, SIZE)
        make_clip(clip := folder / "clip.mp4", options.clip_seconds, SIZE)
        cluster = {"nodes": NODES, "processes_per_node": 1}
        with (
            Scene.set_up(folder / "state", SETTINGS, own_clock=False, **cluster) as scene,
            # One for all jobs: to look for workers takes some of the core that they are on.
            scoring(scene.emulator.config.state) as seen,
        ):
            stage = Stage(scene, seen, options.style, film.read_bytes(), clip.read_bytes())
            result = stage.measure(options.clips, options.every)
    report.keep(options.results, "turns", ("torch", "azure-functions-durable"), result)
    report.show("Clips beside a film", result["clips"])
    print({key: value for key, value in result.items() if key != "clips"})


class Stage:
    """A scene with a film and a clip to be painted there."""

    def __init__(
        self, scene: Scene, seen: Sequence[Seen], style: str, film: bytes, clip: bytes
    ) -> None:
        """Nothing is uploaded yet; `seen` grows while workers are there."""
        self._scene, self._seen, self._style = scene, seen, style
        self._film, self._clip = film, clip

    def measure(self, clips: int, every_s: float) -> dict[str, Any]:
        """Paint both alone, then the film with so many clips; return what is kept."""
        self._paint("first.mp4", self._clip)  # imports
        alone = self._paint("clip alone.mp4", self._clip)
        film_alone = self._paint("film alone.mp4", self._film)
        with ThreadPoolExecutor() as pool:
            film = pool.submit(self._paint, "film.mp4", self._film)
            turns: list[Future[Turn]] = []
            for number in range(clips):
                time.sleep(every_s)
                turns.append(pool.submit(self._paint, f"clip {number}.mp4", self._clip))
            ended = [turn.result() for turn in turns]
            was_there = not film.done()
            film_beside = film.result()
        times, starts = painted(self._scene.emulator.config.state, film_beside.job_id)
        return {
            "clips": [_row(turn, alone) for turn in ended],
            "clip_alone": _row(alone, alone),
            "most_not_painting_s": max(turn.not_painting_s for turn in ended),
            "film_was_there_to_the_last": was_there,
            "film_alone_s": film_alone.total_s,
            "film_beside_s": film_beside.total_s,
            "film_status": film_beside.status,
            "film_same": self._digest(film_beside) == self._digest(film_alone),
            "film_starts": starts,
            "film_shards": len(times),
            "film_shards_painted_twice": times.total() - len(times),
        }

    def _paint(self, name: str, content: bytes) -> Turn:
        """Upload a video and wait for its job's end."""
        start = time.monotonic()
        job_id = self._scene.upload(f"{self._style}/{name}", content)
        job = self._scene.wait(job_id, LIMIT_S) or {"status": "lost"}
        total = time.monotonic() - start
        looks = sorted({each.at for each in [*self._seen] if each.run.startswith(f"{job_id}-")})
        return Turn(job_id, job["status"], round(total, 1), round(_covered(looks), 1))

    def _digest(self, film: Turn) -> str:
        result = self._scene.host.get(f"/api/jobs/{film.job_id}/result", follow_redirects=True)
        return hashlib.sha256(result.raise_for_status().content).hexdigest()


def _covered(looks: list[float]) -> float:
    """Seconds between looks that follow each other closely."""
    gaps = (after - before for before, after in pairwise(looks))
    return sum(gap for gap in gaps if gap < 5 * LOOK_S)


def _row(turn: Turn, alone: Turn) -> dict[str, object]:
    times: dict[str, object] = {"total_s": turn.total_s, "painting_s": turn.painting_s}
    own = {"not_painting_s": turn.not_painting_s, "alone_s": alone.total_s}
    return {"status": turn.status} | times | own


if __name__ == "__main__":
    main()
