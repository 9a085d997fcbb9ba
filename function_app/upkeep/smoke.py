"""The smoke job: a tiny one for the nodes, and what it means that they report.

It goes the way of every attempt: the same submission, mounts, image, identity and MPI. Each rank
leaves a `Smoke`; here it is said what is wrong by it, and what to change.
"""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from azure.core.exceptions import AzureError

from function_app.compute import submission
from function_app.compute.tasks import smoke_task
from function_app.errors import AtelierError
from function_app.settings import settings
from function_app.store import paths, storage
from function_app.upkeep.findings import OK, UNKNOWN, WRONG, Finding
from gpu_worker.plan import SMOKE_PREFIX, PlanError, Smoke

NODES = 2
"""As few as can tell whether ranks reach each other across nodes."""
MINUTES = 30.0
"""Until it is given up: nodes take minutes to come, and the image minutes to arrive."""
SAMPLE_BYTES = 64 * 2**20
"""Of what the nodes read: enough for a mount to be seen fetching all of it for one block."""
POLL_SECONDS = 2.0
SLOW_RATE = 5.0
"""MB/s that reading must have: a video of 40 Mbit/s, painted as fast as it plays."""
SLOW_FIRST = 5.0
"""Seconds that the first block may take; a mount that fetches the whole file for it takes longer
the longer the video is."""

SUBMIT = "Do what the checks above say, with --as-me as someone who may write to `jobs`, first."
COME = (
    "See the job in Studio; nodes that do not come lack quota, or their size is not to be had in "
    "the region: see the checks above, NODES_MAX and GPU_SKU."
)
START = (
    "Read the job's log in Studio: an image that cannot be pulled or that lacks a module ends a "
    "job so; so do mounts without the roles that docs/security.md lists for the worker."
)
DRIVER = (
    "Read the row of this driver in docs/operations.md, CUDA and drivers, and set what it says."
)
PROCESSES = "Set AML_SKU, or AML_PROCESSES_PER_NODE to the GPUs of a node."
CODEC = (
    "Set ENCODER=libx264 in appSettings: A100 and H100 have no NVENC, and a container has it only "
    "with the `video` capability of its driver."
)
NETWORK = (
    "Let the nodes talk to each other on every port, or set AML_NODES_MAX=1: a network security "
    "group of your own, or a base image with another MPI, keeps them apart."
)
FLUSH = (
    "Assign the worker's roles (docs/security.md); see the log for errors of the mount. What a "
    "node does not get rid of is painted again."
)
SEEK = (
    "Nodes may fetch a whole video to read a part of it: take care that the environment variables "
    "in function_app/compute/submission.py (MOUNT) reach the job, and that storage is in the "
    "region of the nodes."
)


def smoke(nodes: int = NODES, minutes: float = MINUTES) -> Iterator[Finding]:
    """Send a smoke job; yield what it found.

    Args:
        nodes: that it runs on, unless a job may have fewer.
        minutes: until it is given up.
    """
    nodes = max(1, min(nodes, settings().aml_nodes_max))
    run = _Run(f"{paths.SMOKE}-{uuid.uuid4().hex[:12]}", nodes)
    try:
        with run.submitted(minutes):
            yield Finding("smoke: submitted", OK, f"{run.name}, {nodes} nodes")
            yield run.ending(run.wait(minutes), minutes)
            yield from run.told()
    except (AtelierError, AzureError) as error:
        yield Finding.of_error("smoke", error, SUBMIT)


@dataclass(frozen=True, slots=True)
class _Run:
    """One smoke job, and its folder in `jobs`."""

    name: str
    nodes: int

    @property
    def _root(self) -> str:
        return f"{paths.SMOKE}/{self.name}/"

    @property
    def _work(self) -> str:
        return f"{self._root}work/"

    @contextmanager
    def submitted(self, minutes: float) -> Generator[None]:
        """Submit it; whatever happens in the `with`, nothing is left of it."""
        sample = f"{self._root}sample.bin"
        task, tags = smoke_task((paths.JOBS, sample)), {"smoke": self.name}
        order = submission.Order(self.name, task, self._work, self.nodes, minutes / 60, tags)
        with ExitStack() as ending:
            ending.callback(storage.delete_all, paths.JOBS, self._root)
            content = os.urandom(SAMPLE_BYTES)
            storage.write(paths.JOBS, sample, content, "application/octet-stream")
            ending.callback(self._end)
            submission.order(order)
            yield

    def _end(self) -> None:
        if submission.state(self.name) not in submission.FINAL:
            submission.cancel(self.name)

    def wait(self, minutes: float) -> str:
        """Wait for its end; return the state that it has then."""
        until = time.monotonic() + minutes * 60
        while (state := submission.state(self.name)) not in submission.FINAL:
            if time.monotonic() > until:
                return state
            time.sleep(POLL_SECONDS)
        return state

    def ending(self, state: str, minutes: float) -> Finding:
        """Say how it ended."""
        where = submission.studio_url(self.name) or "its log"
        if state in submission.WAITING:
            told = f"{state} for {minutes:g} minutes: no nodes came; {where}"
            return Finding("smoke: nodes", WRONG, told, COME)
        if state != submission.COMPLETED:
            told = f"it ended as {state}" if state in submission.FINAL else f"it is {state} still"
            return Finding("smoke: ran", WRONG, f"{told}; {where}", START)
        return Finding("smoke: ran", OK, state)

    def told(self) -> Iterator[Finding]:
        """Yield what its ranks told, and whether storage has what they left."""
        reports = list(self._reports())
        yield from judge(reports, self.nodes * settings().aml_processes_per_node, self.nodes)
        lost = [each for each in reports if each.digest and each.digest != self._digest(each.left)]
        if lost:
            ranks = ", ".join(f"rank {each.rank} of {each.node}" for each in lost)
            told = f"storage has not all that was written by {ranks}"
            yield Finding("smoke: flush", WRONG, told, FLUSH)
        elif reports:
            yield Finding("smoke: flush", OK, "what was written is in storage")

    def _reports(self) -> Iterator[Smoke]:
        """Yield what the ranks reported, as far as it is in storage, whole."""
        for name in storage.names(paths.JOBS, f"{self._work}{SMOKE_PREFIX}"):
            if name.endswith(".json"):
                # Of half a report nothing is known: its rank is missed.
                with suppress(PlanError):
                    yield Smoke.from_json(storage.read(paths.JOBS, name) or b"")

    def _digest(self, name: str) -> str:
        content = storage.read(paths.JOBS, f"{self._work}{name}") or b""
        return hashlib.sha256(content).hexdigest()


def judge(reports: Sequence[Smoke], ranks: int, nodes: int) -> Iterator[Finding]:
    """Yield what reports mean.

    Args:
        reports: those that are there.
        ranks: that were asked for.
        nodes: likewise.
    """
    if missing := sorted(set(range(ranks)) - {each.rank for each in reports}):
        told = f"no word of {len(missing)} of {ranks} ranks"
        yield Finding("smoke: reports", WRONG, told, START)
    if reports:
        yield _gpus(reports)
        yield _encoders(reports)
        yield _reach(reports, ranks, nodes)
        yield _mounts(reports)
        yield _reads(reports)


def _gpus(reports: Sequence[Smoke]) -> Finding:
    name, limits = "smoke: GPU", settings()
    one = reports[0]
    if not limits.aml_sku and not one.gpus:
        return Finding(name, OK, f"none, and none is asked for without AML_SKU: {one.driver}")
    for each in reports:
        if each.no_gpu:
            told = f"{each.node} has none that works ({each.no_gpu}): {each.driver}"
            return Finding(name, WRONG, told, DRIVER)
        if each.gpus < limits.aml_processes_per_node:
            told = f"{each.node} has {each.gpus} for {limits.aml_processes_per_node} processes"
            return Finding(name, WRONG, told, PROCESSES)
    return Finding(name, OK, f"{one.gpus} of {one.gpu} a node: {one.driver}")


def _encoders(reports: Sequence[Smoke]) -> Finding:
    wanted = settings().encoder
    without = [each.node for each in reports if wanted not in each.encoders]
    if without:
        told = f"{wanted} does not work on {without[0]}"
        return Finding("smoke: encoder", WRONG, told, CODEC)
    every = set(reports[0].encoders).intersection(*(each.encoders for each in reports))
    return Finding("smoke: encoder", OK, f"{wanted}; that work: {', '.join(sorted(every))}")


def _reach(reports: Sequence[Smoke], ranks: int, nodes: int) -> Finding:
    """Ranks that reported before they asked each other, and not after, did not get there."""
    name = "smoke: MPI"
    draws = [each.draws for each in reports if each.draws is not None]
    machines = {each.node for each in reports}
    if len(draws) < len(reports):
        told = f"the ranks on {', '.join(sorted(machines))} do not reach each other"
        return Finding(name, WRONG, told, NETWORK)
    if apart := [each for each in reports if each.ranks != ranks]:
        told = f"{apart[0].node} is in a world of {apart[0].ranks} ranks, not of {ranks}"
        return Finding(name, WRONG, told, NETWORK)
    told = f"{ranks} ranks on {len(machines)} machines, {min(draws):.0f} tickets a second"
    if len(machines) < nodes:
        way = f"{told}: nothing is known of the way between nodes"
        return Finding(name, UNKNOWN, way, "On one machine, as the emulator's, that is so.")
    return Finding(name, OK, told)


def _mounts(reports: Sequence[Smoke]) -> Finding:
    for each in reports:
        if each.unwritten:
            told = f"rank {each.rank} of {each.node}: {each.unwritten}"
            return Finding("smoke: output", WRONG, told, FLUSH)
    return Finding("smoke: output", OK, "written, and read back the same")


def _reads(reports: Sequence[Smoke]) -> Finding:
    slow = [each for each in reports if each.seek_rate < SLOW_RATE or each.far_seconds > SLOW_FIRST]
    one = (slow or list(reports))[0]
    told = (
        f"{one.seek_rate:.0f} MB/s here and there, {one.whole_rate:.0f} MB/s from start to end, "
        f"the first block after {one.far_seconds:.1f} s ({one.node})"
    )
    return Finding("smoke: input", WRONG, told, SEEK) if slow else Finding("smoke: input", OK, told)
