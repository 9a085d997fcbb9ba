"""Clips and films on one cluster, simulated: who waits how long, by three ways to share the nodes.

Lengths are drawn from a bounded Pareto distribution (1 s to 3 h), arrivals are Poisson's at 80 % of
what the nodes can do. Beneath each way is Azure Machine Learning as it is: a job gets all of its
nodes at once, in the order of submission; nodes that were idle for two minutes go, and come back in
three. Ways:

    first in first out   every job is submitted at once, with the nodes that it can use
    shortest first       submitted when so many are free, those first that are thought shortest
    clips first          `scheduling.fairness` decides: when a job comes, and at every poll

Estimates are wrong by a factor that is drawn, too, until a job is at work. A job that gives way
loses half a shard on each node, its nodes end and start anew. What stands in `Scene` is assumed,
but for the rate, which `function_app/gpus.json` assumes.

    python -m benchmarks.mix
"""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median, quantiles
from typing import Any, Final, override

from benchmarks import report
from function_app.gpus import NODES
from function_app.scheduling import fairness
from function_app.scheduling.fairness import Claim

SEEDS: Final = (0, 1, 2)
CLIP_S: Final = 60.0
SEEN_S: Final = 15.0
"""Below which nobody tells two waits from each other."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What jobs and nodes are like.

    Attributes:
        jobs: how many.
        nodes: of the cluster.
        most: of them for one job.
        load: share of the nodes' time that painting and starting takes.
        tail: shape of the distribution of lengths, the smaller the heavier.
        shortest_s: video.
        longest_s: likewise.
        megapixels: a second of video: 2160p at 50 frames a second.
        rate: megapixels a second that a node paints.
        target_s: in which a job should be painted alone.
        come_s: until a node that was not there has its first frame.
        start_s: until one that was there has.
        end_s: from the wish that a painting end until its nodes are free.
        idle_s: after which a node that nobody uses goes.
        poll_s: between two decisions.
        shard_s: of video in a shard.
        error: standard deviation of the logarithm of estimates.
    """

    jobs: int = 10_000
    nodes: int = 100
    most: int = 24
    load: float = 0.8
    tail: float = 0.5
    shortest_s: float = 1.0
    longest_s: float = 3 * 3600.0
    megapixels: float = 3840 * 2160 * 50 / 1e6
    rate: float = NODES["Standard_NC4as_T4_v3"].rate
    target_s: float = 600.0
    come_s: float = 180.0
    start_s: float = 20.0
    end_s: float = 20.0
    idle_s: float = 120.0
    poll_s: float = 15.0
    shard_s: float = 4.0
    error: float = 0.5

    @property
    def restart_s(self) -> float:
        """What a change of nodes takes: a poll, an end, a start and a little."""
        return 60.0


@dataclass(eq=False, slots=True)
class Job:
    """One video.

    Attributes:
        name: sorts as it came.
        at: when it came, seconds.
        length: of the video, seconds.
        work: node-seconds of painting.
        most: nodes that it can use.
        estimate: of the work, before it is at work.
        left: of the work, when the present nodes came.
        held: nodes that it was given.
        since: when it was, or began to wait.
        nodes: that it has.
        submitted: attempts so far.
        paints_from: when the nodes that it has have their first frame; None without any.
        came: when its nodes began to cost.
        ending: whether they are to end.
        painted: seconds at work, those on the present nodes not counted.
        gave_way: how often.
        began: its first frame.
        ended: its last.
        said: seconds that it was told it would wait, where it was to.
    """

    name: str
    at: float
    length: float
    work: float
    most: int
    estimate: float
    left: float
    held: int = 0
    since: float = 0.0
    nodes: int = 0
    submitted: int = 0
    paints_from: float | None = None
    came: float = 0.0
    ending: bool = False
    painted: float = 0.0
    gave_way: int = 0
    began: float = 0.0
    ended: float = 0.0
    said: float | None = None

    def works(self, now: float) -> bool:
        """Whether its nodes paint."""
        return self.paints_from is not None and self.paints_from <= now and not self.ending

    def claim(self, now: float) -> Claim:
        """Say what the app knows of it."""
        works = self.works(now)
        on_these = now - (self.paints_from or 0.0) if works else 0.0
        known = works or self.painted > 0
        return Claim(
            self.name,
            self.at,
            self.since,
            self.work if known else self.estimate,
            max(0.0, self.left - on_these * self.nodes) if known else self.estimate,
            self.most,
            self.held,
            works,
            self.painted + on_these,
            self.gave_way,
        )


def draw(scene: Scene, seed: int) -> list[Job]:
    """Return jobs in the order in which they come."""
    chance = random.Random(seed)
    lengths = [_length(scene, chance.random()) for _ in range(scene.jobs)]
    works = [length * scene.megapixels / scene.rate for length in lengths]
    widths = [max(1, min(scene.most, math.ceil(work / scene.target_s))) for work in works]
    spent = sum(works) + scene.start_s * sum(widths)
    pause = spent / scene.jobs / (scene.load * scene.nodes)
    jobs, clock = list[Job](), 0.0
    for number, (length, work, most) in enumerate(zip(lengths, works, widths, strict=True)):
        clock += chance.expovariate(1 / pause)
        estimate = work * chance.lognormvariate(0, scene.error)
        jobs.append(Job(f"{number:06}", clock, length, work, most, estimate, work, since=clock))
    return jobs


def _length(scene: Scene, share: float) -> float:
    """Return the quantile of a bounded Pareto distribution."""
    low, high = scene.shortest_s**-scene.tail, scene.longest_s**-scene.tail
    return (low - share * (low - high)) ** (-1 / scene.tail)


@dataclass
class Cluster:
    """The nodes, and Azure Machine Learning's line before them; also "first in first out".

    Attributes:
        scene: see `Scene`.
        clock: seconds.
        free: nodes that nobody has.
        node_seconds: that nodes were there.
        changes: paintings that were ended to go on with other nodes.
        jobs: that have come and not gone, by name.
    """

    scene: Scene
    clock: float = 0.0
    free: int = 0
    node_seconds: float = 0.0
    changes: int = 0
    jobs: dict[str, Job] = field(default_factory=dict[str, Job])
    _line: deque[tuple[Job, int]] = field(default_factory=deque[tuple[Job, int]])
    _idle: list[float] = field(default_factory=list[float])
    _events: list[tuple[float, int, Callable[[], None]]] = field(
        default_factory=list[tuple[float, int, Callable[[], None]]]
    )
    _number: int = 0
    _to_end: int = 0

    def run(self, jobs: Sequence[Job]) -> None:
        """Let time pass until all have ended."""
        self.free, self._to_end = self.scene.nodes, len(jobs)
        for job in jobs:
            self.at(job.at, lambda job=job: self.comes(job))
        while self._to_end:
            self.clock, _, happens = heapq.heappop(self._events)
            happens()
        self.node_seconds += self.scene.idle_s * len(self._idle)

    def at(self, moment: float, happens: Callable[[], None]) -> None:
        """Let something happen at a moment; what was asked for first happens first."""
        self._number += 1
        heapq.heappush(self._events, (moment, self._number, happens))

    def comes(self, job: Job) -> None:
        """Submit it at once."""
        self.jobs[job.name] = job
        self.submit(job, job.most)

    def goes(self, job: Job) -> None:
        """It has ended, and its nodes are free."""
        del self.jobs[job.name]

    def submit(self, job: Job, nodes: int) -> None:
        """Let it wait in line for nodes."""
        self._line.append((job, nodes))
        self._start()

    def end(self, job: Job) -> None:
        """Let a painting end before it is done, and lose the shards in the making."""
        on_these = self.clock - (job.paints_from or 0.0)
        shards = job.nodes * self.scene.shard_s / 2 * self.scene.megapixels / self.scene.rate
        job.left -= max(0.0, on_these * job.nodes - shards)
        job.painted += on_these
        job.ending = True
        self.changes += 1
        self.at(self.clock + self.scene.end_s, lambda: self._ended(job))

    def _ended(self, job: Job) -> None:
        job.ending = False
        if job.held:
            self._line.append((job, job.held))
        self._release(job)

    def _start(self) -> None:
        while self._line and self._line[0][1] <= self.free:
            job, nodes = self._line.popleft()
            start = self.scene.start_s if self._take(nodes) else self.scene.come_s
            job.nodes, job.came, job.paints_from = nodes, self.clock, self.clock + start
            job.submitted += 1
            job.began = job.began or job.paints_from
            done = job.paints_from + job.left / nodes
            self.at(done, lambda job=job, attempt=job.submitted: self._done(job, attempt))

    def _take(self, nodes: int) -> bool:
        """Take nodes, the idle first; return whether all were there."""
        self.free -= nodes
        gone = sum(self.clock - since > self.scene.idle_s for since in self._idle)
        self.node_seconds += gone * self.scene.idle_s
        del self._idle[:gone]
        taken = self._idle[max(0, len(self._idle) - nodes) :]
        del self._idle[len(self._idle) - len(taken) :]
        self.node_seconds += sum(self.clock - since for since in taken)
        return len(taken) == nodes

    def _done(self, job: Job, attempt: int) -> None:
        if attempt == job.submitted and not job.ending:
            job.ended, job.left = self.clock, 0.0
            self._to_end -= 1
            self._release(job)
            self.goes(job)

    def _release(self, job: Job) -> None:
        self.node_seconds += (self.clock - job.came) * job.nodes
        job.paints_from = None
        self.free += job.nodes
        self._idle += [self.clock] * job.nodes
        self._start()


@dataclass
class ShortestFirst(Cluster):
    """Submits who is thought shortest, once there are nodes."""

    _waiting: list[tuple[float, str, Job]] = field(default_factory=list[tuple[float, str, Job]])

    @override
    def comes(self, job: Job) -> None:
        heapq.heappush(self._waiting, (job.estimate, job.name, job))
        self.goes(job)

    @override
    def goes(self, job: Job) -> None:
        while self._waiting and self._waiting[0][2].most <= self.free:
            _, _, shortest = heapq.heappop(self._waiting)
            self.submit(shortest, shortest.most)


@dataclass
class Fair(Cluster):
    """Does what `scheduling.fairness` says."""

    @override
    def comes(self, job: Job) -> None:
        if not self.jobs:
            self.at(self.clock + self.scene.poll_s, self._poll)
        self.jobs[job.name] = job
        self._change(job, self._shares()[job.name])
        if not job.held:
            begins = fairness.begins_in(*self._claims())[job.name][0]
            job.said = begins + self.scene.start_s

    def _claims(self) -> tuple[list[Claim], int, float, float]:
        claims = [job.claim(self.clock) for job in self.jobs.values()]
        return claims, self.scene.nodes, self.clock, self.scene.restart_s

    def _shares(self) -> dict[str, int]:
        return fairness.shares(*self._claims())

    def _poll(self) -> None:
        for name, nodes in self._shares().items():
            self._change(self.jobs[name], nodes)
        if self.jobs:
            self.at(self.clock + self.scene.poll_s, self._poll)

    def _change(self, job: Job, nodes: int) -> None:
        if nodes == job.held or job.ending:
            return
        before, job.held, job.since = job.held, nodes, self.clock
        if not before:
            self.submit(job, nodes)
            return
        job.gave_way += nodes < before
        self.end(job)


WAYS: Final = {
    "first in first out": Cluster,
    "shortest first": ShortestFirst,
    "clips first": Fair,
}


def outcomes(scene: Scene, seeds: Sequence[int] = SEEDS) -> list[dict[str, Any]]:
    """Simulate each way with each seed; return a row for each."""
    return [_outcome(scene, way, seed) for seed in seeds for way in WAYS]


def _outcome(scene: Scene, way: str, seed: int) -> dict[str, Any]:
    jobs, cluster = draw(scene, seed), WAYS[way](scene)
    cluster.run(jobs)
    slowdowns = {job.name: _slowdown(scene, job) for job in jobs}
    clips = [job.began - job.at for job in jobs if job.length < CLIP_S]
    films = [slowdowns[job.name] for job in jobs if job.length >= CLIP_S**2]
    told = [_is_within_two(job.said, job.began - job.at) for job in jobs if job.said is not None]
    return {
        "seed": seed,
        "way": way,
        "clips_wait_p95_s": round(quantiles(clips, n=20)[18]),
        "median_slowdown": round(median(slowdowns.values()), 2),
        "longest_slowdown": round(slowdowns[max(jobs, key=lambda job: job.work).name], 2),
        "films_median_slowdown": round(median(films), 2) if films else None,
        "most_slowdown": round(max(slowdowns.values()), 1),
        "makespan_h": round(max(job.ended for job in jobs) / 3600, 2),
        "node_hours": round(cluster.node_seconds / 3600, 1),
        "changes": cluster.changes,
        "told_within_2": round(sum(told) / len(told), 2) if told else None,
    }


def _slowdown(scene: Scene, job: Job) -> float:
    """Return how many times as long it took as alone, on nodes that are there."""
    return (job.ended - job.at) / (scene.start_s + job.work / job.most)


def _is_within_two(said: float, true: float) -> bool:
    said, true = max(said, SEEN_S), max(true, SEEN_S)
    return max(said / true, true / said) <= 2


def main() -> None:
    """Simulate, print a table and keep the results."""
    parser = report.options("benchmarks.mix", __doc__)
    parser.add_argument("--jobs", type=int, default=Scene().jobs, help="default: %(default)s")
    options = parser.parse_args()
    scene = Scene(jobs=options.jobs)
    rows = outcomes(scene)
    report.keep(options.results, "mix", (), {"scene": asdict(scene), "outcomes": rows})
    report.show("Clips and films on one cluster, on paper", rows)


if __name__ == "__main__":
    main()
