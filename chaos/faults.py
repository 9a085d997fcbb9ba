"""The faults: each does its harm to a scene, for one job, at once."""

from __future__ import annotations

import resource
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Any

import httpx
import psutil
from azure.core.exceptions import ResourceNotFoundError

from chaos.proxy import Trouble
from chaos.scene import CHILD, MPIEXEC, RANK, Scene
from function_app.scheduling.fairness import Claim
from function_app.store import paths
from function_app.store.turns import Told

AZURITE_SAVES_S = 6.0
"""Azurite writes its index to disk every five seconds; a real storage does so before it answers."""
LOOK_AGAIN_S = 0.02
SILENT_S = 2.0
MAKES_WAY_S = 10.0
STEP_FORWARD_S, STEP_BACK_S = 600, -30
"""A wait may last longer by a step back, so that is the smaller one."""


class Victim:
    """The job that is struck.

    Attributes:
        scene: where.
        video: name of its blob in `videos`.
        job_id: of the job.
        other: content of another video, to replace it with.
        biggest_shard: of the video as it is painted undisturbed, in bytes.
    """

    def __init__(
        self, scene: Scene, video: str, job_id: str, other: bytes, biggest_shard: int
    ) -> None:
        """Remember them."""
        self.scene, self.video, self.job_id, self.other = scene, video, job_id, other
        self.biggest_shard = biggest_shard

    def strike(self, fault: str) -> bool:
        """Do the harm; return whether there was anything to do it to."""
        return DEEDS[fault](self)


def _kill_service(name: str) -> Callable[[Victim], bool]:
    def kill(victim: Victim) -> bool:
        pid = victim.scene.emulator.children[name].pid
        return _kill([psutil.Process(pid)] if pid and psutil.pid_exists(pid) else [])

    return kill


def _kill_one(word: str) -> Callable[[Victim], bool]:
    return lambda victim: _kill(victim.scene.processes(word)[-1:])


def _kill(found: list[psutil.Process]) -> bool:
    for process in found:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            return False
    return bool(found)


def _kill_azurite(victim: Victim) -> bool:
    with victim.scene.proxy.held():
        time.sleep(AZURITE_SAVES_S)
        return _kill_service("azurite")(victim)


def _make_way(victim: Victim) -> bool:
    """Let one claim nodes that waited for long, and be gone once the job has made way for it."""
    if not (run := next((name for name, state in victim.scene.runs(victim.job_id)
                         if state == "Running"), "")):  # fmt: skip
        return False
    Thread(target=_claim_nodes, args=(victim, run), daemon=True).start()
    return True


def _claim_nodes(victim: Victim, run: str) -> None:
    """Claim nodes until a run has ended, or for as long as that may take."""
    claim = Claim(f"clip-{uuid.uuid4().hex[:12]}", 0.0, 0.0, needs=0.0, left=0.0, most=1)
    place = paths.place(claim.job_id, "1970-01-01T00:00:00.000000Z")
    blob = victim.scene.blobs.get_blob_client("jobs", place)
    deadline = time.monotonic() + MAKES_WAY_S
    while (run, "Running") in victim.scene.runs(run) and time.monotonic() < deadline:
        # Again and again: to the reaper it is one whose instance is gone.
        blob.upload_blob(b"", overwrite=True, metadata=Told(claim).to_metadata())
        time.sleep(LOOK_AGAIN_S)
    with suppress(ResourceNotFoundError):
        blob.delete_blob()


def _trouble(count: int, *kinds: Trouble) -> Callable[[Victim], bool]:
    def spoil(victim: Victim) -> bool:
        victim.scene.proxy.troubles.extend(list(kinds) * count)
        return True

    return spoil


def _fill_disk(victim: Victim) -> bool:
    """Let ranks write no file as big as the biggest shard: that write stops in its midst."""
    if not (ranks := victim.scene.processes(RANK)):
        return False
    Thread(target=_keep_full, args=(victim, ranks), daemon=True).start()
    return True


def _keep_full(victim: Victim, ranks: list[psutil.Process]) -> None:
    """Hold every rank of this run to the limit once it paints: before, MPI needs room."""
    limit = (victim.biggest_shard - 1, resource.RLIM_INFINITY)
    while ranks:
        for rank in ranks:
            with suppress(psutil.Error):  # it has ended
                if any("pipe:1" in child.cmdline() for child in rank.children()):
                    rank.rlimit(psutil.RLIMIT_FSIZE, limit)
        time.sleep(LOOK_AGAIN_S)
        ranks = victim.scene.processes(RANK)


def _of_run(fault: str) -> Callable[[Victim], bool]:
    def ask(victim: Victim) -> bool:
        names = [name for name, state in victim.scene.runs(victim.job_id) if state == "Running"]
        for name in names:
            victim.scene.azureml.post(f"/faults/jobs/{name}/{fault}")
        return bool(names)

    return ask


def _silence(victim: Victim) -> bool:
    def speak() -> None:
        time.sleep(SILENT_S)
        _of_run("speak")(victim)

    Thread(target=speak, daemon=True).start()
    return _of_run("silence")(victim)


def _step_clock(seconds: int) -> Callable[[Victim], bool]:
    def step(victim: Victim) -> bool:
        victim.scene.clock.step(seconds)
        return True

    return step


def _event(fault: str) -> Callable[[Victim], bool]:
    def ask(victim: Victim) -> bool:
        blob = {"container": "videos", "name": victim.video}
        return victim.scene.event_grid.post(f"/faults/{fault}", json=blob).is_success

    return ask


def _replace_video(victim: Victim) -> bool:
    victim.scene.upload(victim.video, victim.other)
    return True


def _delete(container: str, name: Callable[[Victim], str]) -> Callable[[Victim], bool]:
    def delete(victim: Victim) -> bool:
        try:
            victim.scene.blobs.get_blob_client(container, name(victim)).delete_blob()
        except ResourceNotFoundError:
            return False
        return True

    return delete


def _shards(victim: Victim) -> list[str]:
    names = victim.scene.names("jobs", f"{victim.job_id}/work/")
    return [name for name in names if name.endswith(".mp4")]


def _delete_shard(victim: Victim) -> bool:
    return bool(found := _shards(victim)) and _delete("jobs", lambda _: found[-1])(victim)


def _garble_shard(victim: Victim) -> bool:
    """Turn over one bit in the last shard's pictures."""
    if not (found := _shards(victim)):
        return False
    content = bytearray(victim.scene.read("jobs", found[-1]) or b"")
    place = content.index(b"mdat") + 200
    content[place] ^= 1
    return _write(victim, found[-1], bytes(content))


def _exchange_shards(victim: Victim) -> bool:
    if len(found := _shards(victim)) < 2:
        return False
    first, last = (victim.scene.read("jobs", name) or b"" for name in (found[0], found[-1]))
    return _write(victim, found[0], last) and _write(victim, found[-1], first)


def _write(victim: Victim, name: str, content: bytes) -> bool:
    victim.scene.blobs.get_blob_client("jobs", name).upload_blob(content, overwrite=True)
    return True


def _ask(path: str) -> Callable[[Victim], bool]:
    def ask(victim: Victim) -> bool:
        try:
            answer = victim.scene.host.post(path.format(victim.job_id), timeout=5)
        except httpx.TransportError:
            return False
        return answer.is_success

    return ask


def _in_background(fault: Callable[[Victim], bool]) -> Callable[[Victim], bool]:
    """Do not wait for it: the request that is held meanwhile may be what it waits for."""

    def start(victim: Victim) -> bool:
        Thread(target=fault, args=(victim,), daemon=True).start()
        time.sleep(0.3)
        return True

    return start


DEEDS: dict[str, Callable[[Any], bool]] = {
    "kill the host": _kill_service("functions"),
    "kill the child that reads": _kill_one(CHILD),
    "kill a rank": _kill_one(RANK),
    "kill mpiexec": _kill_one(MPIEXEC),
    "kill Azure ML's endpoint": _kill_service("azureml"),
    "kill Azurite": _kill_azurite,
    "disk full": _fill_disk,
    "nodes taken away, run fails": _of_run("preempt"),
    "nodes taken away, run restarts": _of_run("restart"),
    "nodes lost before the flush": _of_run("lose"),
    "a clip comes": _make_way,
    "run not responding": _silence,
    "answers 503": _trouble(4, Trouble("refuse", 503)),
    "answers 429": _trouble(3, Trouble("refuse", 429)),
    "answers lost": _trouble(3, Trouble("lose")),
    "connections reset": _trouble(3, Trouble("reset")),
    "connections hang": _trouble(2, Trouble("hang")),
    "slow bytes": _trouble(8, Trouble("slow")),
    "event again": _event("again"),
    "event lost": _event("lose"),
    "video replaced": _replace_video,
    "video deleted": _delete("videos", lambda victim: victim.video),
    "plan deleted": _delete("jobs", lambda victim: f"{victim.job_id}/plan.json"),
    "shard deleted": _delete_shard,
    "shard garbled": _garble_shard,
    "shards exchanged": _exchange_shards,
    "job cancelled": _in_background(_ask("/api/jobs/{}/cancel")),
    "instance terminated": _in_background(
        _ask("/runtime/webhooks/durabletask/instances/{}/terminate?reason=chaos")
    ),
    "clock set forward": _step_clock(STEP_FORWARD_S),
    "clock set back": _step_clock(STEP_BACK_S),
}
