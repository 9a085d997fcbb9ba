"""The network alone: frames a second and the share of the measured matmul rate that it reaches.

The rate counts the operations of the network as it is written down (`benchmarks.baseline.plain`
for TransformerNet), as if each of them were done. The worker's TransformerNet does fewer, by
adding up kernels beforehand; what it does is given as `executed_share`.

    python -m benchmarks.network [--size 640x360] [--no-compile]
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.baseline import plain
from benchmarks.ceilings import matmul_rate
from benchmarks.report import keep
from benchmarks.timing import best_seconds
from gpu_worker.machine import Precision
from gpu_worker.model import load_style
from gpu_worker.networks import Architecture, Network, build, place

STYLE = Path(__file__).parents[1] / "styles" / "scream.safetensors"
REFERENCE = Architecture("TransformerNet", 32, 5)
PROBE_SIDE = 64


@dataclass(frozen=True, slots=True)
class Row:
    """One way to paint a frame.

    Attributes:
        network: which.
        way: number format, and whether it is compiled.
        threads: CPU threads.
        milliseconds: for a frame.
        gflops: operations a second, 10^9, of the network as it is written down.
        share: of the matmul rate of the same threads and format, measured just before.
        executed_share: the same for the operations that are done.
    """

    network: str
    way: str
    threads: int
    milliseconds: float
    gflops: float
    share: float
    executed_share: float


def main() -> None:
    """Measure, print a table and keep the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.network", description=__doc__)
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args()
    rows = list(measure(options.size, options.batch, options.compile))
    keep("network", ("torch",), result(options.size, options.batch, rows))
    Console().print(table(rows))


def measure(size: str, batch: int, compiling: bool) -> Iterator[Row]:
    """Time both networks in every way there is on this machine."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    width, height = map(int, size.split("x"))
    frames = torch.rand(batch, 3, height, width, device=device)
    torch.manual_seed(0)
    reference = place(build(REFERENCE).eval(), device)
    yield from _ways("TransformerNet 32x5", reference, frames, _plain_flop(reference), compiling)
    style = load_style(STYLE, device).network
    yield from _ways(STYLE.stem, style, frames, flop(style, style), compiling)


def result(size: str, batch: int, rows: list[Row]) -> dict[str, object]:
    """Put together what is kept."""
    return {"size": size, "batch": batch, "rows": [asdict(row) for row in rows]}


def _ways(
    name: str, network: Network, frames: Tensor, flop_per_pixel: float, compiling: bool
) -> Iterator[Row]:
    executed = flop(network, network) / flop_per_pixel
    fast = Precision.choose(frames.device).dtype
    cores = len(os.sched_getaffinity(0))
    thread_counts = sorted({1, cores}) if frames.device.type == "cpu" else [cores]
    for dtype in sorted({torch.float32, fast}, key=str):
        painter, x = network.to(dtype), _channels_last(frames.to(dtype))
        for threads in thread_counts:
            torch.set_num_threads(threads)
            yield _row(name, painter, x, flop_per_pixel, executed, "as it stands")
        if compiling and dtype == fast:
            painter = torch.compile(painter, dynamic=False)
            yield _row(name, painter, x, flop_per_pixel, executed, "compiled")


@torch.inference_mode()
def _row(
    name: str,
    painter: Callable[[Tensor], Tensor],
    frames: Tensor,
    flop_per_pixel: float,
    executed: float,
    way: str,
) -> Row:
    peak = matmul_rate(frames.device, frames.dtype)
    seconds = best_seconds(lambda: painter(frames))
    rate = flop_per_pixel * frames.shape[0] * frames.shape[2] * frames.shape[3] / seconds
    return Row(
        network=name,
        way=f"{str(frames.dtype).removeprefix('torch.')}, {way}",
        threads=torch.get_num_threads(),
        milliseconds=round(1000 * seconds / len(frames), 2),
        gflops=round(rate / 1e9, 1),
        share=round(rate / peak, 3),
        executed_share=round(executed * rate / peak, 3),
    )


def _plain_flop(network: Network) -> float:
    weights = dict(network.state_dict())
    return flop(lambda rgb: plain(weights, rgb), network)


def flop(painter: Callable[[Tensor], Tensor], network: Network) -> float:
    """Count the operations of `painter` for one pixel, on the device of `network`."""
    weight = next(network.parameters())
    probe = torch.zeros(1, 3, PROBE_SIDE, PROBE_SIDE, device=weight.device, dtype=weight.dtype)
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        painter(probe)
    return counter.get_total_flops() / PROBE_SIDE**2


def _channels_last(frames: Tensor) -> Tensor:
    return frames.contiguous(memory_format=torch.channels_last)


def table(rows: list[Row]) -> Table:
    """Show the rows."""
    shown = Table(title="The network alone")
    for column in ("network", "way", "threads", "ms/frame", "GFLOP/s", "of matmul", "executed"):
        shown.add_column(column, justify="left" if column in ("network", "way") else "right")
    for row in rows:
        shown.add_row(
            row.network,
            row.way,
            str(row.threads),
            f"{row.milliseconds:.1f}",
            f"{row.gflops:.0f}",
            f"{row.share:.0%}",
            f"{row.executed_share:.0%}",
        )
    return shown


if __name__ == "__main__":
    main()
