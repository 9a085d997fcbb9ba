"""The oracle: whether a job ended as every job must, whatever struck it.

It ends, as exactly one of: a result that is the undisturbed one's to the bit, a failure in one
sentence, a cancellation. A failure or a cancellation needs a cause among what struck. Nothing is
left: no shard, no place in the queue, no run, no process. No shard was ever sealed before it was
whole, no half result was to be seen, the same event never started the job again, and the list of
jobs has it once.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, cast

import av
import httpx

from chaos.scene import CHILD, MPIEXEC, RANK, Scene
from chaos.schedule import Strike
from emulator.jobs import TERMINAL
from function_app.api.view import ENDED
from function_app.stages.isolation import MOST_IDLE
from function_app.store.paths import Video
from gpu_worker.plan import SEAL_BYTES, Plan, seal

TICK = Fraction(1, 1000)
"""Seconds by which times may differ: Matroska has no finer ones."""

SETTLE_S = 30.0
"""In which what is left must go: the reaper comes every two seconds."""

MAY_FAIL = {"video replaced", "video deleted", "plan deleted"}
MAY_CANCEL = {"job cancelled", "instance terminated"}
SHARD = re.compile(r"PUT .*/([^/]+)/work/(\d+)\.mp4$")
"""A request that writes a shard: id of its job, and index."""
RESULT = re.compile(r"PUT .*/results/.*\.mp4(\?|$)")


@dataclass
class Observed:
    """What was seen of one job.

    Attributes:
        video: name of its blob.
        job_id: of the job.
        reference: SHA-256 of the undisturbed result.
        strikes: that hit something.
        half_files: shards that were sealed, and results that were there, before they were whole.
        started: when the job was, as first seen.
    """

    video: str
    job_id: str
    reference: str
    strikes: list[Strike] = field(default_factory=list[Strike])
    half_files: list[str] = field(default_factory=list[str])
    started: str = ""

    @property
    def names(self) -> Video:
        """By which the blobs of its result go."""
        return Video(*self.video.split("/", 1))

    def note_write(self, line: str, body: bytes, scene: Scene) -> None:
        """Look at a request that writes: a seal proves what is before it, a result is whole."""
        shard = SHARD.match(line)
        if shard and shard[1] == self.job_id and not self._is_sound(int(shard[2]), body, scene):
            self.half_files.append(line)
        if RESULT.match(line) and not self.is_whole(scene.read("results", self.names.painted)):
            self.half_files.append(f"before {line}")

    def _is_sound(self, index: int, body: bytes, scene: Scene) -> bool:
        """Say whether a shard's file may be there: with no seal yet, or with the right one."""
        content, proof = body[:-SEAL_BYTES], body[-SEAL_BYTES:]
        if proof[:8] != SEAL_BYTES.to_bytes(4) + b"free":
            return True
        plan = Plan.from_json(scene.read("jobs", f"{self.job_id}/plan.json") or b"")
        return seal(plan, plan.shards[index], [content]) == proof

    def is_whole(self, result: bytes | None) -> bool:
        """Say whether what is there of a result, if anything, is the undisturbed one."""
        return result is None or hashlib.sha256(result).hexdigest() == self.reference


def violations(scene: Scene, seen: Observed, job: dict[str, Any] | None) -> list[str]:
    """Return every way in which a job did not end as it must; none is what is wanted."""
    if job is None:
        return ["the job never started"]
    if job["status"] not in ENDED:
        return [f"the job has not ended: {job['status']}, {job['stage']}, {job['message']}"]
    return [*_of_outcome(scene, seen, job), *_of_cause(seen, job), *_of_history(seen, job),
            *_settled(lambda: [*_left_over(scene, seen)], scene.patience)]  # fmt: skip


def unreached(source: bytes, result: bytes) -> bool:
    """Say whether a player misses or misplaces a frame of the source, or ends sooner or later."""
    (given, given_end), (made, made_end) = _reached(source), _reached(result)
    pairs = [*zip(given, made, strict=False), (given_end, made_end)]
    return len(given) != len(made) or any(abs(one - other) > TICK for one, other in pairs)


def _reached(content: bytes) -> tuple[list[Fraction], Fraction]:
    """Demux a video; return when its frames are shown, and when it ends, in seconds."""
    with av.open(io.BytesIO(content), "r") as container:
        stream = container.streams.video[0]
        tick = cast("Fraction", stream.time_base)
        times = sorted(packet.pts * tick for packet in container.demux(stream)
                       if packet.pts is not None and not packet.is_discard)  # fmt: skip
        return times, Fraction(container.duration or 0, av.time_base)


def _of_outcome(scene: Scene, seen: Observed, job: dict[str, Any]) -> Iterator[str]:
    result = scene.read("results", seen.names.painted)
    report = json.loads(scene.read("results", seen.names.report) or b"{}")
    reported = report.get("job_id") == seen.job_id
    if job["status"] == "Completed":
        if reported:
            yield "there is a result and a report of failure"
        if result is None or not seen.is_whole(result):
            yield "the result is not the undisturbed one's"
    elif job["status"] == "Failed":
        sentence = str(job["error"]["detail"]) if job["error"] else ""
        if not sentence or "\n" in sentence or "Traceback" in sentence:
            yield f"the failure is no sentence: {sentence!r}"
        replaced = any(strike.fault == "video replaced" for strike in seen.strikes)
        if not reported and not replaced:
            yield "the failure was not reported beside the results"
    elif reported:
        yield "the job was cancelled and a failure is reported"


def _of_cause(seen: Observed, job: dict[str, Any]) -> Iterator[str]:
    faults = {strike.fault for strike in seen.strikes}
    if job["status"] == "Failed" and not faults & MAY_FAIL:
        yield f"the job failed without a cause: {job['error']}"
    if job["status"] == "Cancelled" and not faults & MAY_CANCEL:
        yield "the job was cancelled by nobody"


def _of_history(seen: Observed, job: dict[str, Any]) -> Iterator[str]:
    yield from (f"half a file, sealed or in the results: {line}" for line in seen.half_files)
    if seen.started and job["created"] != seen.started:
        yield "the same event started the job again"


def _settled(look: Callable[[], list[str]], patience: float) -> list[str]:
    """Look again until nothing is left, or for as long as that may take."""
    deadline = time.monotonic() + SETTLE_S * patience
    while True:
        try:
            left = look()
        except httpx.HTTPError as error:
            left = [f"a service does not answer: {error!r}"]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.2)


def _left_over(scene: Scene, seen: Observed) -> Iterator[str]:
    if scene.job(seen.job_id) and (times := scene.listed().count(seen.job_id)) != 1:
        yield f"the list of jobs has the job {times} times"
    yield from (f"left in jobs: {name}" for name in scene.names("jobs", f"{seen.job_id}/"))
    places = [name for name in scene.names("jobs", "turns/") if seen.job_id in name]
    yield from (f"left in the queue: {place}" for place in places)
    yield from (f"run {name} is {state}" for name, state in scene.runs() if state not in TERMINAL)
    for word, most in ((RANK, 0), (MPIEXEC, 0), ("ffmpeg", 0), (CHILD, MOST_IDLE)):
        if len(scene.processes(word)) > most:
            yield f"{len(scene.processes(word))} processes of {word} are left"
