"""Which frames are not as they were in the file: a note, or the end of the job."""

from __future__ import annotations

import json

from function_app.errors import Code, InputError
from function_app.store import paths, storage
from function_app.store.jobs import Job
from gpu_worker.plan import Plan

MOST_DAMAGED = 0.5
"""Share of the frames that may not decode: beyond, less than half of the film would be there."""
MOST_CONCEALED = 0.9
"""Share of the frames that may decode with errors: beyond, what is painted is no picture."""


class HalfListError(Exception):
    """What the worker said of a shard reached storage by half; the worker paints that one anew."""


def damage_note(job: Job, plan: Plan) -> str:
    """Weigh what the worker says of frames that did not decode, or with errors, or were scaled.

    The first stand still in the result, the second are painted as FFmpeg conceals them, the third
    have the size of the first frame.

    Returns:
        A sentence; empty if all decoded.

    Raises:
        InputError: there are more of them than a result can bear.
        HalfListError: a list is not whole.
    """
    damaged, concealed, scaled = _found(job, plan)
    if len(damaged) > MOST_DAMAGED * plan.frame_count:
        raise InputError(
            f"{job.name} is damaged: {len(damaged)} of its {plan.frame_count} frames cannot be "
            "decoded: repair it by converting it, or use a copy that plays",
            Code.DAMAGED_VIDEO,
        )
    if len(concealed) > MOST_CONCEALED * plan.frame_count:
        raise InputError(
            f"{job.name} is damaged or encrypted: {len(concealed)} of its {plan.frame_count} "
            "frames decode with errors: use a copy that plays",
            Code.DAMAGED_VIDEO,
        )
    notes = (
        _damaged_note(damaged, plan),
        _concealed_note(concealed, plan),
        _scaled_note(scaled, plan),
    )
    return "; ".join(filter(None, notes))


def _found(job: Job, plan: Plan) -> tuple[list[int], list[int], list[int]]:
    """Read the worker's lists, each beside its shard: numbers of frames, rising."""
    there = set(storage.names(paths.JOBS, job.folder.work))
    damaged: list[int] = []
    concealed: list[int] = []
    scaled: list[int] = []
    for shard in plan.shards:
        name = job.folder.output(shard.damage_name)
        if name in there and (content := storage.read(paths.JOBS, name)):
            try:
                said = json.loads(content)
            except ValueError as error:
                raise HalfListError(name) from error
            damaged += said["frames"]
            concealed += said.get("concealed", [])
            scaled += said.get("scaled", [])
    return damaged, concealed, scaled


def _damaged_note(damaged: list[int], plan: Plan) -> str:
    if not damaged:
        return ""
    return (
        f"{len(damaged)} of {plan.frame_count} frames cannot be decoded, {_span(damaged, plan)}: "
        "the frame before stands in for each"
    )


def _concealed_note(concealed: list[int], plan: Plan) -> str:
    if not concealed:
        return ""
    return (
        f"{len(concealed)} of {plan.frame_count} frames decode with errors, "
        f"{_span(concealed, plan)}: painted as FFmpeg conceals them"
    )


def _span(frames: list[int], plan: Plan) -> str:
    """Say from when to when frames are."""
    pts = list(plan.result)
    begin, end = (plan.result.clock(pts[frame]) for frame in (frames[0], frames[-1]))
    return f"from {begin} to {end}"


def _scaled_note(scaled: list[int], plan: Plan) -> str:
    # Where all have another size than was planned, it does not change.
    if not scaled or len(scaled) == plan.frame_count:
        return ""
    first = plan.result.clock(list(plan.result)[scaled[0]])
    return (
        f"the size of the picture changes: {len(scaled)} frames from {first} on were scaled to "
        "that of the first"
    )
