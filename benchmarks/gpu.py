"""All that is to be measured where a GPU is at hand, in one command.

The ceilings (matmul, copies, decoding, encoding), the network at 1080p against the matmul rate, a
table of where its time goes, and the whole way from file to file beside the reference's way on the
same GPU, with the slowest stage named. It has run on CPUs at toy size only, so far:

    python -m benchmarks.gpu [--size 1920x1080] [--seconds 10] [--batch 8]
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch.profiler import ProfilerActivity, profile

from benchmarks import end_to_end, network
from benchmarks.ceilings import copy_rate, matmul_rate
from benchmarks.media import make_clip, plan_of
from benchmarks.report import keep
from gpu_worker.colour import Coding
from gpu_worker.machine import Precision
from gpu_worker.networks import build, place
from gpu_worker.paint import Graph
from gpu_worker.plan import Plan

LARGEST = 12


def main() -> None:
    """Measure everything, print tables and keep the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--size", default="1920x1080", help="sides that are multiples of 4")
    parser.add_argument("--seconds", type=float, default=10, help="of the clips")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--ranks", type=int, default=max(1, torch.cuda.device_count()))
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args()
    console = Console()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = Precision.choose(device).dtype
    ceilings = {
        "matmul_gflops": round(matmul_rate(device, dtype) / 1e9),
        "copy_gigabytes_per_second": round(copy_rate(device) / 1e9, 1),
    }
    rows = list(network.measure(options.size, options.batch, options.compile))
    console.print(network.table(rows))
    operations = where_time_goes(options.size, options.batch, device, dtype)
    console.print(_table(operations))
    whole = end_to_end.measure(options.size, options.seconds, options.seconds, options.ranks)
    console.print(end_to_end.table(whole))
    rates = {"painting": 1000 / rows[-1].milliseconds} | whole["stages_frames_per_second"]
    slowest = min(rates, key=lambda stage: rates[stage])
    console.print(f"The default style is bound by {slowest}: {rates[slowest]:.0f} frames/s.")
    keep(
        "gpu",
        ("torch", "mpi4py", "imageio-ffmpeg"),
        {
            "device": torch.cuda.get_device_name() if device.type == "cuda" else "CPU",
            "cores": len(os.sched_getaffinity(0)),
            "ceilings": ceilings,
            "network": network.result(options.size, options.batch, rows),
            "operations": operations,
            "end_to_end": whole,
            "bound_by": slowest,
        },
    )


def where_time_goes(
    size: str, batch: int, device: torch.device, dtype: torch.dtype
) -> list[dict[str, Any]]:
    """Profile the graph of TransformerNet, from planes to planes, as it stands."""
    torch.manual_seed(0)
    painter = place(build(network.REFERENCE).eval(), device).to(dtype)
    width, height = map(int, size.split("x"))
    plan = _plan(width, height)
    graph = Graph(painter, Coding.of(plan.picture), plan.blend)
    planes = torch.zeros((batch, height * 3 // 2, width), dtype=torch.uint8, device=device)
    with torch.inference_mode():
        graph(planes)
        activities = [ProfilerActivity.CPU]
        activities += [ProfilerActivity.CUDA] if device.type == "cuda" else []
        with profile(activities=activities) as profiled:
            graph(planes)
    taken = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
    events = sorted(profiled.key_averages(), key=lambda event: -getattr(event, taken))
    total = sum(getattr(event, taken) for event in events) or 1
    return [
        {
            "operation": event.key,
            "calls": event.count,
            "milliseconds": round(getattr(event, taken) / 1000, 3),
            "share": round(getattr(event, taken) / total, 3),
        }
        for event in events[:LARGEST]
    ]


def _plan(width: int, height: int) -> Plan:
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        make_clip(clip, 0.2, (width, height))
        return plan_of(clip, 1)


def _table(operations: list[dict[str, Any]]) -> Table:
    shown = Table(*operations[0], title="Where TransformerNet's time goes, as it stands")
    for operation in operations:
        shown.add_row(*map(str, operation.values()))
    return shown


if __name__ == "__main__":
    main()
