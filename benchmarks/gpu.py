"""All that is to be measured where a GPU is at hand, in one command.

The ceilings (matmul, copies, decoding, encoding), the networks at 1080p against the matmul rate, a
table of where the time of TransformerNet goes, and the whole way from file to file beside the
reference's way on the same GPU, with the slowest stage named. It has run on CPUs at toy size only,
so far:

    python -m benchmarks.gpu [--size 1920x1080] [--seconds 10] [--batch 8]
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch
from rich.console import Console
from torch.autograd.profiler_util import FunctionEventAvg
from torch.profiler import ProfilerActivity, profile

from benchmarks import end_to_end, network, report
from benchmarks.ceilings import copy_rate, matmul_rate
from benchmarks.media import Size
from gpu_worker.frames.colour import Coding
from gpu_worker.hardware.precision import Precision
from gpu_worker.networks.architectures import build, place
from gpu_worker.plan import Blend
from gpu_worker.ranks.paint import Graph

BYTES_PER_PIXEL = 1.5
"""Of the planes that go to the device and, at the same time, come back: YUV 4:2:0 of 8 bits."""
LARGEST = 12


@dataclass(frozen=True, slots=True)
class Operation:
    """What an operation costs for one batch.

    Attributes:
        operation: PyTorch's name of it.
        calls: how often it is called.
        milliseconds: of the device, without those of the operations that it calls.
        share: of the time of all operations.
    """

    operation: str
    calls: int
    milliseconds: float
    share: float


def main() -> None:
    """Measure everything, print tables and keep the results."""
    parser = report.options("benchmarks.gpu", __doc__)
    parser.add_argument("--size", type=Size.parse, default="1920x1080")
    parser.add_argument("--seconds", type=float, default=10, help="of the clips")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--ranks", type=int, default=max(1, torch.cuda.device_count()))
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args()
    size, batch = options.size, options.batch
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = Precision.choose(device).dtype
    matmul, copying = matmul_rate(device, dtype), copy_rate(device)
    rows = list(network.measure(size, batch, options.compile))
    network.show(rows)
    operations = [asdict(each) for each in _where_time_goes(size, batch, device, dtype)]
    report.show("Where TransformerNet's time goes, as it stands", operations)
    lengths = options.seconds, options.seconds
    whole = end_to_end.measure(size, *lengths, options.ranks, rounds=1)
    whole.show()
    rates = {
        "network": _fastest(rows),
        "copy": round(copying / (BYTES_PER_PIXEL * size.pixels), 1),
        **whole.stages,
    }
    bottleneck = min(rates, key=lambda stage: rates[stage])
    Console().print(f"The default style is bound by {bottleneck}; frames a second: {rates}")
    kept = {
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "CPU",
        "cores": len(os.sched_getaffinity(0)),
        "ceilings": {
            "number_format": str(dtype).removeprefix("torch."),
            "matmul_gflops": round(matmul / 1e9),
            "copy_gigabytes_per_second": round(copying / 1e9, 1),
        },
        "network": network.figures(size, batch, rows),
        "operations": operations,
        "end_to_end": whole.figures,
        "rates_frames_per_second": rates,
        "bound_by": bottleneck,
    }
    report.keep(options.results, "gpu", end_to_end.PACKAGES, kept)


def _fastest(rows: Sequence[network.Row]) -> float:
    """Return the frames a second of the default style, in the way that is fastest."""
    ours = [row.milliseconds for row in rows if row.network == network.STYLE.stem]
    return round(1000 / min(ours), 1)


def _where_time_goes(
    size: Size, batch: int, device: torch.device, dtype: torch.dtype
) -> list[Operation]:
    """Profile the graph of TransformerNet, from planes to planes; return what costs most."""
    torch.manual_seed(0)
    painter = place(build(network.REFERENCE).eval(), device).to(dtype)
    graph = Graph(painter, Coding.of(size.picture), Blend())
    planes = torch.zeros((batch, size.height * 3 // 2, size.width), dtype=torch.uint8).to(device)
    activities = [ProfilerActivity.CPU]
    activities += [ProfilerActivity.CUDA] if device.type == "cuda" else []
    with torch.inference_mode():
        graph(planes)
        with profile(activities=activities) as profiled:
            graph(planes)
    averages: list[FunctionEventAvg] = list(profiled.key_averages())
    # Kernels stand beside the operations that call them, with the same time once more.
    events = [event for event in averages if event.device_type.name == "CPU"]
    events.sort(key=lambda event: -_microseconds(event, device))
    total = sum(_microseconds(event, device) for event in events)
    return [
        Operation(
            operation=str(event.key),
            calls=event.count,
            milliseconds=round(_microseconds(event, device) / 1000, 3),
            share=round(_microseconds(event, device) / total, 3),
        )
        for event in events[:LARGEST]
    ]


def _microseconds(event: FunctionEventAvg, device: torch.device) -> float:
    if device.type == "cuda":
        return event.self_device_time_total
    return event.self_cpu_time_total


if __name__ == "__main__":
    main()
