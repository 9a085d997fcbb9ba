"""Scale on paper: a simulation of one job on 1 to 100 nodes, for what it takes and what it costs.

An hour of 1080p video at 25 frames/s is cut into shards as the function app cuts it. Each node
comes after some start-up, draws the next shard, takes its time for frames and shard, and draws
again. A node that is taken away ends the attempt, as it ends an MPI job: shards in the making are
lost, finished ones stay, and all nodes start again. The reference architecture's way, beside it,
has four nodes and an even share of frames for each; when one is taken away, every share that is not
finished begins anew.

What stands in `Service` was measured by the other benchmarks, or is assumed and says so. How fast
a node paints and what it costs is read from `function_app/gpus.json`, whose rates are assumed too,
and whose prices are dollars as listed in 2026. So this shows shapes, not promises.

    python -m benchmarks.scale
"""

from __future__ import annotations

import heapq
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks import report
from function_app.gpus import NODES

PLOT: Final = Path(__file__).parents[1] / "docs" / "pictures" / "scale.svg"
SKUS: Final = {
    "T4": "Standard_NC4as_T4_v3",
    "A10": "Standard_NV36ads_A10_v5",
    "A100": "Standard_NC24ads_A100_v4",
    "H100": "Standard_NC40ads_H100_v5",
}
NODE_COUNTS: Final = (1, 2, 4, 8, 16, 32, 64, 100)
REFERENCE_NODES: Final = 4
ROUNDS: Final = 40
MOST_ATTEMPTS: Final = 200


@dataclass(frozen=True, slots=True)
class Service:
    """Service times of one job.

    Attributes:
        minutes: of video.
        frame_rate: frames a second.
        megapixels: of a frame.
        start_s: from allocation to the first frame of a node: mean (assumed).
        start_spread: of that, standard deviation over mean (assumed).
        shard_s: of each shard beside its frames: what of seeking, verifying and writing does not
            overlap with painting (assumed).
        join_s_per_frame: measured by `benchmarks.join`.
        fixed_s: preprocess, submit, last poll: measured by `benchmarks.job`.
        losses_per_node_hour: spot nodes taken away (assumed).
        reference_speed: of the reference's way against the worker's, on the same device: measured
            by `benchmarks.end_to_end`.
    """

    minutes: float
    frame_rate: float
    megapixels: float
    start_s: float
    start_spread: float
    shard_s: float
    join_s_per_frame: float
    fixed_s: float
    losses_per_node_hour: float
    reference_speed: float

    @property
    def frames(self) -> int:
        """Of the whole video."""
        return round(self.minutes * 60 * self.frame_rate)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The mean of some simulated jobs.

    Attributes:
        way: "atelier" or "reference".
        gpu: of the nodes.
        nodes: how many.
        makespan_minutes: from upload to result.
        efficiency: share of the nodes' time in which frames that count are painted.
        dollars_per_minute: US dollars for a minute of video; None where the price is not known.
    """

    way: str
    gpu: str
    nodes: int
    makespan_minutes: float
    efficiency: float
    dollars_per_minute: float | None


def measured_service() -> Service:
    """Take from the other benchmarks what they measured."""
    join, job, end = (_result(name) for name in ("join", "job", "end_to_end"))
    return Service(
        minutes=60,
        frame_rate=25,
        megapixels=1920 * 1080 / 1e6,
        start_s=120,
        start_spread=0.25,
        shard_s=0.1,
        join_s_per_frame=join["seconds"] / join["frames"],
        fixed_s=job["overhead_s"],
        losses_per_node_hour=0.05,
        reference_speed=1 / end["times_the_baseline"],
    )


def simulate(
    service: Service,
    frames_per_second: float,
    shards: Sequence[int],
    nodes: int,
    chance: random.Random,
) -> tuple[float, float]:
    """Paint shards on nodes until all are there.

    Args:
        service: times.
        frames_per_second: of one node.
        shards: frames of each.
        nodes: how many.
        chance: source of start-up times and losses.

    Returns:
        Seconds until the last shard is there, and seconds in which nodes were busy with frames.
    """
    clock, missing = 0.0, list(shards)
    for _ in range(MOST_ATTEMPTS):
        lost_at = _first_loss(service, nodes, chance)
        end, missing = _attempt(service, frames_per_second, missing, nodes, chance, lost_at)
        clock += end
        if not missing:
            return clock, sum(shards) / frames_per_second
    raise RuntimeError("nodes are taken away faster than they paint")


def _first_loss(service: Service, nodes: int, chance: random.Random) -> float:
    rate = service.losses_per_node_hour * nodes / 3600
    return chance.expovariate(rate) if rate else float("inf")


def _attempt(
    service: Service,
    frames_per_second: float,
    shards: list[int],
    nodes: int,
    chance: random.Random,
    lost_at: float,
) -> tuple[float, list[int]]:
    """Run one attempt; return when it ended, and the shards that are not there then."""
    free = [
        max(0.0, chance.gauss(service.start_s, service.start_s * service.start_spread))
        for _ in range(nodes)
    ]
    heapq.heapify(free)
    missing: list[int] = []
    last = 0.0
    for frames in shards:
        end = heapq.heappop(free) + service.shard_s + frames / frames_per_second
        heapq.heappush(free, end)
        if end > lost_at:
            missing.append(frames)
        else:
            last = max(last, end)
    return (lost_at, missing) if missing else (last, missing)


def outcomes(service: Service) -> Iterator[Outcome]:
    """Simulate every number of nodes of every kind, and the reference's four."""
    for gpu, sku in SKUS.items():
        rate = NODES[sku].rate * NODES[sku].gpus / service.megapixels
        for nodes in NODE_COUNTS:
            yield _outcome(service, "atelier", gpu, nodes, rate, _shards(service, nodes))
        share = -(-service.frames // REFERENCE_NODES)
        slow = rate * service.reference_speed
        yield _outcome(service, "reference", gpu, REFERENCE_NODES, slow, [share] * REFERENCE_NODES)


def _shards(service: Service, nodes: int) -> list[int]:
    """Cut as the function app does: four a rank at least, four seconds at most."""
    count = max(4 * nodes, round(service.frames / (4 * service.frame_rate)))
    return [service.frames * (n + 1) // count - service.frames * n // count for n in range(count)]


def _outcome(
    service: Service, way: str, gpu: str, nodes: int, rate: float, shards: Sequence[int]
) -> Outcome:
    chance = random.Random(nodes)
    runs = [simulate(service, rate, shards, nodes, chance) for _ in range(ROUNDS)]
    painting, busy = (fmean(values) for values in zip(*runs, strict=True))
    node = NODES[SKUS[gpu]]
    makespan = painting + service.fixed_s + service.frames * service.join_s_per_frame
    hourly = node.dollars_low_priority or node.dollars
    dollars = nodes * painting / 3600 * hourly / service.minutes if hourly else None
    return Outcome(
        way,
        gpu,
        nodes,
        round(makespan / 60, 2),
        round(busy / (painting * nodes), 3),
        round(dollars, 4) if dollars is not None else None,
    )


def draw(results: Sequence[Outcome], plot: Path) -> None:
    """Draw how long a job takes and what it costs, by the number of nodes."""
    rcParams["svg.hashsalt"] = "scale"
    figure = Figure(figsize=(10, 4), layout="constrained")
    time_axes: Axes
    cost_axes: Axes
    time_axes, cost_axes = figure.subplots(1, 2)
    for number, gpu in enumerate(SKUS):
        ours = [result for result in results if (result.way, result.gpu) == ("atelier", gpu)]
        theirs = [result for result in results if (result.way, result.gpu) == ("reference", gpu)]
        _lines(time_axes, gpu, f"C{number}", ours, theirs, "makespan_minutes")
        _lines(cost_axes, gpu, f"C{number}", ours, theirs, "dollars_per_minute")
    for axes, label in (
        (time_axes, "minutes, upload to result"),
        (cost_axes, "$ per minute of video"),
    ):
        axes.set(xscale="log", yscale="log", xlabel="nodes", ylabel=label)
        axes.set_xticks(NODE_COUNTS, [str(count) for count in NODE_COUNTS])
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.grid(alpha=0.3)
    time_axes.legend(title="crosses: the reference's way", fontsize="small")
    figure.suptitle("One hour of 1080p25, default style, simulated")
    figure.savefig(plot, metadata={"Date": None})


def _lines(
    axes: Axes, gpu: str, colour: str, ours: list[Outcome], theirs: list[Outcome], what: str
) -> None:
    known = [result for result in ours if getattr(result, what) is not None]
    if not known:
        return
    values = [getattr(result, what) for result in known]
    crosses = [getattr(result, what) for result in theirs]
    axes.plot([result.nodes for result in known], values, "o-", color=colour, label=gpu)
    axes.plot([REFERENCE_NODES] * len(crosses), crosses, "x", color=colour)


def _result(name: str) -> dict[str, Any]:
    return json.loads((report.RESULTS / f"{name}.json").read_text())["result"]


def main() -> None:
    """Simulate, draw, print a table and keep the results."""
    parser = report.options("benchmarks.scale", __doc__)
    parser.add_argument(
        "--plot", type=Path, default=PLOT, help="to draw (default: docs/pictures/scale.svg)"
    )
    options = parser.parse_args()
    service = measured_service()
    results = list(outcomes(service))
    draw(results, options.plot)
    rows = [asdict(result) for result in results]
    nodes = {gpu: {"sku": sku} | asdict(NODES[sku]) for gpu, sku in SKUS.items()}
    kept = {
        "service": asdict(service),
        "nodes": nodes,
        "prices": "USD/h as listed in 2026",
        "outcomes": rows,
    }
    report.keep(options.results, "scale", ("matplotlib",), kept)
    report.show("An hour of 1080p25, on paper", rows)


if __name__ == "__main__":
    main()
