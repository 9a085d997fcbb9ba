"""Describing: frames through a scorer, and its lines into files, a shard each."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from itertools import batched, groupby
from operator import attrgetter
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gpu_worker.errors import ToolError
from gpu_worker.files import write_shard_file, write_whole
from gpu_worker.frames.colour import Coding, to_rgb
from gpu_worker.frames.frame import Frame
from gpu_worker.plan import Plan, Shard
from gpu_worker.ranks.paint import batch_size
from gpu_worker.scorers import Line, Scorer


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """A frame, and what is said of it."""

    frame: Frame
    line: Line


def describe(
    frames: Iterable[Frame], scorer: Scorer, plan: Plan, device: torch.device
) -> Generator[Described]:
    """Yield each frame with its line, in the same order; frames before their shard are left out.

    Args:
        frames: of whole shards, each with the frames before it that the scorer wants to see.
        scorer: on `device`.
        plan: how the planes code colours.
        device: where to compute.
    """
    coding, size = Coding.of(plan.picture), batch_size(plan.picture, device)
    for shard, of_shard in groupby(frames, attrgetter("shard")):
        context: Tensor | None = None
        for batch in batched(of_shard, size):
            lines, context = _lines(batch, context, scorer, coding, device)
            yield from (each for each in lines if each.frame.index >= shard.first)


@torch.inference_mode()
def _lines(
    batch: tuple[Frame, ...],
    context: Tensor | None,
    scorer: Scorer,
    coding: Coding,
    device: torch.device,
) -> tuple[list[Described], Tensor]:
    """Describe a batch; return its lines and the context of the next batch."""
    planes = torch.as_tensor(np.stack([frame.planes for frame in batch])).to(device)
    rgb = to_rgb(planes, coding)
    if context is None:
        context = rgb[:1].expand(scorer.before, -1, -1, -1)
    seen = torch.cat((context, rgb))
    lines = [Described(*pair) for pair in zip(batch, scorer(seen), strict=True)]
    return lines, seen[len(seen) - scorer.before :]


def write_lines(described: Iterable[Described], plan: Plan, shard: Shard, folder: Path) -> None:
    """Write a line of JSON for each frame of a shard, sealed, as one file.

    A line holds the frame's number and its time in seconds, as the result of a painting would have
    them; `damaged` where it did not decode; and what the scorer says of it.

    Raises:
        ToolError: there are not as many lines as the shard has frames.
    """
    times, tick = list(plan.result)[shard.first : shard.last], plan.result.seconds_per_tick
    lines: list[str] = []
    damaged: list[int] = []
    concealed: list[int] = []
    scaled: list[int] = []
    for each, pts in zip(described, times, strict=False):
        frame, line = each.frame, each.line
        place = {"frame": frame.index, "time": round(float(pts * tick), 6)}
        damage = {"damaged": True} if frame.damaged else {}
        lines.append(json.dumps({**place, **damage, **line}, allow_nan=False) + "\n")
        damaged += [frame.index] * frame.damaged
        concealed += (index for index in frame.concealed if index >= shard.first)
        scaled += (index for index in frame.scaled if index >= shard.first)
    if len(lines) != len(shard):
        raise ToolError(f"Shard {shard.name} holds {len(lines)} lines, not {len(shard)}.")
    if damaged or concealed or scaled:
        said = {"frames": damaged, "concealed": concealed, "scaled": scaled}
        write_whole(folder / shard.damage_name, json.dumps(said).encode())
    write_shard_file(folder / shard.name, "".join(lines).encode(), plan, shard)
