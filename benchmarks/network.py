"""The network alone: frames a second and the share of the measured matmul rate that it reaches.

The rate counts the operations of the network as it is written down (`benchmarks.baseline.plain`
for TransformerNet), as if each of them were done. The worker's TransformerNet does fewer, by
adding up kernels beforehand and, on a CPU, by Winograd's filtering; what it does is given as
`executed_share`.

    python -m benchmarks.network [--size 640x360] [--batch 1] [--no-compile]
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmarks import report
from benchmarks.baseline import plain
from benchmarks.ceilings import matmul_rate
from benchmarks.media import Size
from benchmarks.timing import best_seconds
from gpu_worker.hardware import memory
from gpu_worker.hardware.precision import Precision
from gpu_worker.networks.architectures import Architecture, Network, build, flop_per_pixel, place
from gpu_worker.styles.model import load_style

STYLE = Path(__file__).parents[1] / "styles" / "scream.safetensors"
REFERENCE = Architecture("TransformerNet", 32, 5)


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


@dataclass(frozen=True, slots=True)
class Subject:
    """A network to time.

    Attributes:
        name: for people.
        network: on its device.
        written: operations for a pixel of the network as it is written down.
        executed: operations for a pixel that are done.
    """

    name: str
    network: Network
    written: float
    executed: float


class AsWritten(Network):
    """A TransformerNet that paints layer after layer, as pytorch/examples writes it down."""

    def __init__(self, network: Network) -> None:
        """Share the network's weights."""
        super().__init__(network.architecture)
        self.network = network

    def forward(self, rgb: Tensor) -> Tensor:
        """Paint `(N, 3, H, W)` RGB in [0, 1]; sides multiples of 4."""
        return plain(self.network.state_dict(), rgb)


def main() -> None:
    """Measure, print a table and keep the results."""
    parser = report.options("benchmarks.network", __doc__)
    parser.add_argument("--size", type=Size.parse, default="640x360")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args()
    memory.keep_freed()
    rows = list(measure(options.size, options.batch, options.compile))
    report.keep(options.results, "network", ("torch",), figures(options.size, options.batch, rows))
    show(rows)


def measure(size: Size, batch: int, compiling: bool) -> Iterator[Row]:
    """Time both networks in every way there is on this machine."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    frames = torch.rand(batch, 3, size.height, size.width, device=device)
    for subject in _subjects(device):
        yield from _ways(subject, frames, compiling)


def figures(size: Size, batch: int, rows: Sequence[Row]) -> dict[str, object]:
    """Put together what is kept."""
    return {"size": str(size), "batch": batch, "rows": [asdict(row) for row in rows]}


def show(rows: Sequence[Row]) -> None:
    """Print the rows as a table."""
    report.show("The network alone", [asdict(row) for row in rows])


def _subjects(device: torch.device) -> Iterator[Subject]:
    torch.manual_seed(0)
    reference = place(build(REFERENCE).eval(), device)
    written, executed = flop_per_pixel(AsWritten(reference)), flop_per_pixel(reference)
    yield Subject("TransformerNet 32x5", reference, written, executed)
    style = load_style(STYLE, device).network
    operations = flop_per_pixel(style)
    yield Subject(STYLE.stem, style, operations, operations)


def _ways(subject: Subject, frames: Tensor, compiling: bool) -> Iterator[Row]:
    fast = Precision.choose(frames.device).dtype
    cores = len(os.sched_getaffinity(0))
    thread_counts = sorted({1, cores}) if frames.device.type == "cpu" else [cores]
    for dtype in sorted({torch.float32, fast}, key=str):
        painter = subject.network.to(dtype)
        x = frames.to(dtype).contiguous(memory_format=torch.channels_last)
        for threads in thread_counts:
            torch.set_num_threads(threads)
            yield _row(subject, painter, x, "as it stands")
        if compiling and dtype == fast:
            yield _row(subject, torch.compile(painter, dynamic=False), x, "compiled")


@torch.inference_mode()
def _row(subject: Subject, painter: Callable[[Tensor], Tensor], frames: Tensor, way: str) -> Row:
    peak = matmul_rate(frames.device, frames.dtype)
    seconds = best_seconds(lambda: painter(frames))
    pixels = frames.shape[0] * frames.shape[2] * frames.shape[3]
    rate = pixels * subject.written / seconds
    return Row(
        network=subject.name,
        way=f"{str(frames.dtype).removeprefix('torch.')}, {way}",
        threads=torch.get_num_threads(),
        milliseconds=round(1000 * seconds / len(frames), 2),
        gflops=round(rate / 1e9, 1),
        share=round(rate / peak, 3),
        executed_share=round(pixels * subject.executed / seconds / peak, 3),
    )


if __name__ == "__main__":
    main()
