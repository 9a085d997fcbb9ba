"""The life of an Azure ML command job, on this machine.

Queued (for nodes) -> Preparing (inputs are brought) -> Starting -> Running (outputs are written
back meanwhile) -> Finalizing (the last of them, for a limited time) -> Completed, Failed or
Canceled.
"""

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Self

from azure.storage.blob import BlobServiceClient

from emulator import processes
from emulator.cluster import Cluster, StoppedError
from emulator.config import PROJECT_ROOT
from emulator.mount import MountError, OutputMount, bring_file, bring_folder
from emulator.spec import JobSpec

TERMINAL = frozenset({"Completed", "Failed", "Canceled"})

WRITE_BACK_S = 0.1
"""Seconds between two looks at a running job's outputs, each of which writes back a piece."""

FLUSH_VARIABLE = "DATASET_UNMOUNT_TIMEOUT_SECONDS"
FLUSH_S = 30.0
"""Seconds in which outputs may be written back after the processes, where a job says nothing else.

https://learn.microsoft.com/azure/machine-learning/how-to-read-write-data-v2"""

NODE = PROJECT_ROOT / "emulator" / "node"
"""Folder of what every Python process on a node imports first."""

GRACE_S = 2.0
"""Seconds that a cancelled job's processes have before they are killed."""

NODES_BACK_S = 1.0
"""Seconds until there are nodes again for a run whose nodes were taken away."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Site:
    """What jobs find where they run.

    Attributes:
        tracking_uri: MLflow's, where their processes send metrics.
        slow_inputs: By the name of an input, the seconds that each file takes which a job of it
            creates in its outputs.
    """

    tracking_uri: str
    slow_inputs: Mapping[str, float]


class NotRunnableError(Exception):
    """This machine lacks something that every job needs; the message says what."""


class PreemptedError(Exception):
    """The job's nodes were taken away.

    Attributes:
        restarts: Whether the same run starts again on others; else it fails.
    """

    def __init__(self, restarts: bool) -> None:
        """Say what the service says."""
        super().__init__("PreemptionError: the nodes were taken away.")
        self.restarts = restarts


class Job:
    """One job, run in a thread of its own, with a record on disk of how far it came."""

    def __init__(self, folder: Path, body: dict[str, Any], status: str = "NotStarted") -> None:
        """Describe the job `folder.name` that was submitted as the ARM resource `body`."""
        self.folder = folder
        self.body = body
        self.status = status
        self._entering = threading.Lock()
        self._stopped = threading.Event()
        self._preempted: PreemptedError | None = None
        self._silent = False
        self._loses_node = False
        self._site = Site("", {})
        self._thread: threading.Thread | None = None

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the record of a job; one that had not ended died with its endpoint."""
        record = json.loads((folder / "job.json").read_text())
        job = cls(folder, record["body"], record["status"])
        if job.status not in TERMINAL:
            processes.end(folder, GRACE_S)
            job._end("Failed", "The endpoint ended while the job ran.")
        return job

    @property
    def name(self) -> str:
        """Name of the job, unique in the workspace."""
        return self.folder.name

    @property
    def log(self) -> Path:
        """File with all that the job's processes print, and why the job ended."""
        return self.folder / "user_logs" / "std_log.txt"

    @property
    def shown_status(self) -> str:
        """What a client sees: the status, unless the job is silent."""
        hidden = self._silent and self.status not in TERMINAL
        return "NotResponding" if hidden else self.status

    @property
    def metrics(self) -> Path:
        """File with the metrics that the job's processes have sent, one a line, as JSON."""
        return self.folder / "metrics.jsonl"

    @property
    def _outputs(self) -> Path:
        """Folder in which outputs are mounted, absolute."""
        return (self.folder / "outputs").absolute()

    def start(
        self, spec: JobSpec, storage: BlobServiceClient, cluster: Cluster, site: Site
    ) -> None:
        """Run the job as soon as `cluster` has nodes for it.

        Args:
            spec: What the job asks for.
            storage: Where its inputs and outputs are.
            cluster: Where it runs.
            site: What it finds there.
        """
        self._site = site
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._enter("Queued")
        self._thread = threading.Thread(
            target=self._live, args=(spec, storage, cluster), name=self.name, daemon=True
        )
        self._thread.start()

    def cancel(self) -> None:
        """Ask the job to end; it is Canceled once its processes are gone."""
        self._enter("CancelRequested")
        self._stopped.set()

    def restart(self) -> None:
        """Take the nodes away; the same run starts again on others."""
        self._preempted = PreemptedError(restarts=True)

    def preempt(self) -> None:
        """Take the nodes away; the run fails by it."""
        self._preempted = PreemptedError(restarts=False)

    def lose_node(self) -> None:
        """Write nothing back from now on; let the nodes be gone once the processes end."""
        self._loses_node = True

    def silence(self) -> None:
        """Let the job respond no more, though it goes on."""
        self._silent = True

    def speak(self) -> None:
        """Let the job respond again."""
        self._silent = False

    def close(self) -> None:
        """End the job, which fails by it, because the endpoint ends."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _live(self, spec: JobSpec, storage: BlobServiceClient, cluster: Cluster) -> None:
        try:
            status, reason = self._run_on_nodes(spec, storage, cluster)
        except (MountError, NotRunnableError, PreemptedError) as error:
            status, reason = "Failed", str(error)
        except StoppedError as stop:
            status = "Canceled" if self.status == "CancelRequested" else "Failed"
            reason = str(stop)
        except Exception:
            logger.exception("Job %s could not be run", self.name)
            status, reason = "Failed", "The emulator could not run the job; its log says why."
        self._end(status, reason)

    def _run_on_nodes(
        self, spec: JobSpec, storage: BlobServiceClient, cluster: Cluster
    ) -> tuple[str, str]:
        """Run the job, again on other nodes whenever those it had are taken away."""
        while True:
            try:
                with cluster.nodes(spec.nodes, self._stopped) as cores:
                    _keep_to(cores)
                    return self._run(spec, storage)
            except PreemptedError as loss:
                self._preempted = None
                if not loss.restarts:
                    raise
            self._start_again()

    def _start_again(self) -> None:
        """Go back into the queue; nothing of the first run is left but what it wrote back."""
        for brought in ("inputs", "outputs"):
            shutil.rmtree(self.folder / brought)
        self.log.write_bytes(b"")
        self._enter("Queued")
        self._stopped.wait(NODES_BACK_S)

    def _run(self, spec: JobSpec, storage: BlobServiceClient) -> tuple[str, str]:
        """Run the job from its inputs to its outputs; return its last status and why."""
        self._enter("Preparing")
        inputs = self._bring_inputs(spec, storage)
        outputs = self._mount_outputs(spec, storage)
        self._enter("Starting")
        folders = {name: mount.folder for name, mount in outputs.items()}
        try:
            process = self._spawn(spec, inputs | folders)
            self._enter("Running")
            self._follow(process, list(outputs.values()), spec.timeout_s)
        finally:
            processes.end(self.folder, GRACE_S)
        self._enter("Finalizing")
        if self._loses_node:
            raise PreemptedError(restarts=False)
        deadline = time.monotonic() + float(dict(spec.environment).get(FLUSH_VARIABLE, FLUSH_S))
        left = [name for name, mount in outputs.items() if not mount.flush(deadline)]
        status = "Failed" if process.returncode else "Completed"
        reason = f"mpiexec ended with exit status {process.returncode}."
        if left:
            reason += f" The time was not enough to write back all of {', '.join(left)}."
        return status, reason

    def _bring_inputs(self, spec: JobSpec, storage: BlobServiceClient) -> dict[str, Path]:
        paths: dict[str, Path] = {}
        for item in spec.inputs:
            bring = bring_file if item.is_file else bring_folder
            folder = self.folder / "inputs" / item.name
            paths[f"inputs.{item.name}"] = bring(storage, item.path, folder)
        return paths

    def _mount_outputs(self, spec: JobSpec, storage: BlobServiceClient) -> dict[str, OutputMount]:
        return {
            f"outputs.{item.name}": OutputMount(storage, item.path, self._outputs / item.name)
            for item in spec.outputs
        }

    def _spawn(self, spec: JobSpec, paths: Mapping[str, Path]) -> subprocess.Popen[bytes]:
        """Start one mpiexec that stands for all nodes.

        Raises:
            StoppedError: The job was stopped meanwhile.
            NotRunnableError: There is no mpiexec.
        """
        if self._stopped.is_set():
            raise StoppedError("Stopped before the start.")
        own = {
            "PATH": _search_path(),
            "AZUREML_RUN_ID": self.name,
            "MLFLOW_RUN_ID": self.name,
            "MLFLOW_TRACKING_URI": self._site.tracking_uri,
            processes.OWNER_VARIABLE: str(self.folder),
            "EMULATOR_OUTPUTS": str(self._outputs),
            "EMULATOR_FILE_SECONDS": str(self._file_seconds(spec)),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(NODE), os.environ.get("PYTHONPATH")))),
        }
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [_mpiexec(), "-n", str(spec.processes), *spec.arguments(paths)],
                cwd=PROJECT_ROOT,
                env=os.environ | dict(spec.environment) | own,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _file_seconds(self, spec: JobSpec) -> float:
        names = (PurePosixPath(item.path.path).name for item in spec.inputs)
        return max((self._site.slow_inputs.get(name, 0.0) for name in names), default=0.0)

    def _follow(
        self, process: subprocess.Popen[bytes], mounts: list[OutputMount], timeout_s: float | None
    ) -> None:
        """Write outputs back until `process` ends.

        Raises:
            StoppedError: It was stopped, or ran longer than `timeout_s` seconds.
            PreemptedError: Its nodes were taken away.
        """
        started = time.monotonic()
        while not self._stopped.is_set():
            try:
                process.wait(timeout=WRITE_BACK_S)
            except subprocess.TimeoutExpired:
                if self._preempted is not None:
                    raise self._preempted from None
                for mount in mounts if not self._loses_node else ():
                    mount.write_back()
            else:
                return
            if timeout_s is not None and time.monotonic() - started > timeout_s:
                raise StoppedError(f"Stopped after its limit of {timeout_s:g} s.")
        raise StoppedError("Stopped on request.")

    def _enter(self, status: str) -> None:
        """Change the status, unless the job has ended or is asked to."""
        with self._entering:
            if self.status not in TERMINAL | {"CancelRequested"}:
                self._record(status)

    def _end(self, status: str, reason: str) -> None:
        """Leave the node as it was found, with nothing but the log and the record."""
        for brought in ("inputs", "outputs"):
            shutil.rmtree(self.folder / brought, ignore_errors=True)
        with self._entering:
            with self.log.open("a") as log:
                log.write(f"{self.name}: {status}. {reason}\n")
            self._record(status)

    def _record(self, status: str) -> None:
        """Write status and submission to disk, whole or not at all."""
        self.status = status
        record = self.folder / "job.json"
        draft = record.with_suffix(".part")
        draft.write_text(json.dumps({"status": status, "body": self.body}, indent=2))
        draft.replace(record)


def _keep_to(cores: set[int]) -> None:
    """Keep this thread, and the processes that it starts, to some cores; to none, to all."""
    if cores:
        os.sched_setaffinity(0, cores)


def _search_path() -> str:
    """Return PATH with the programs of this Python's environment first."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def _mpiexec() -> str:
    mpiexec = shutil.which("mpiexec", path=_search_path())
    if mpiexec is None:
        raise NotRunnableError("There is no mpiexec on PATH: install MPICH or Open MPI.")
    return mpiexec
