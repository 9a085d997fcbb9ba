"""What the task hub keeps when its process is killed, in the host and by itself."""

import os
import signal
import threading
import uuid
from collections.abc import Callable, Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.storage.blob import BlobServiceClient
from durabletask import task
from durabletask.client import OrchestrationState, OrchestrationStatus, TaskHubGrpcClient
from durabletask.worker import TaskHubGrpcWorker

from emulator import Emulator
from emulator.config import HOST, free_ports
from emulator.taskhub import DurableBackend

INSTANCES = "/runtime/webhooks/durabletask/instances"

THINKING, GO_ON = threading.Event(), threading.Event()
WORKING, FINISH = threading.Event(), threading.Event()

type WaitUntil = Callable[[Callable[[], object]], None]


@pytest.fixture
def name() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def kill_host(services: Emulator, host: httpx.Client, wait_until: WaitUntil) -> Callable[[], None]:
    """Return a function that kills the Functions host and waits until it answers again."""

    def answers() -> bool:
        try:
            return host.get("/api/echo/x").is_success
        except httpx.TransportError:
            return False

    def kill() -> None:
        old = services.children["functions"].pid
        assert old is not None
        os.kill(old, signal.SIGKILL)
        wait_until(lambda: services.children["functions"].pid != old and answers())

    return kill


def start(host: httpx.Client, orchestrator: str, name: str, value: Any) -> str:
    host.post(f"/api/orchestrations/{orchestrator}/{name}", json=value).raise_for_status()
    return f"{INSTANCES}/{name}"


def test_a_killed_host_goes_on_where_it_was(
    host: httpx.Client,
    name: str,
    notes: Callable[[], list[str]],
    storage: BlobServiceClient,
    kill_host: Callable[[], None],
    wait_until: WaitUntil,
):
    ended = start(host, "stages", f"{name}-ended", 0)
    waiting = start(host, "wait_for_go", f"{name}-waiting", None)
    parent = start(host, "parent", f"{name}-parent", f"{name}-child")
    storage.get_blob_client("videos", f"{name}/a.mp4").upload_blob(b"video")
    wait_until(lambda: f"measure {name}/a.mp4" in notes())
    wait_until(lambda: host.get(ended).status_code == 200)
    wait_until(lambda: host.get(f"{INSTANCES}/{name}-child").status_code == 202)
    before = host.get(ended).json()
    firsts, seconds = notes().count("slow first"), notes().count("slow second")
    running = start(host, "stages", name, 2)
    wait_until(lambda: notes().count("slow second") > seconds)

    kill_host()

    assert host.get(ended).json() == before
    assert host.get(running).json()["customStatus"] == "second"
    wait_until(lambda: host.get(running).status_code == 200)
    assert host.get(running).json()["output"] == ["first", "second"]
    assert notes().count("slow first") == firsts + 1, "an activity with a result ran again"
    assert notes().count("slow second") == seconds + 2, "the activity that died must run again"
    for child in (waiting, f"{INSTANCES}/{name}-child"):
        host.post(f"{child}/raiseEvent/go", json="gone").raise_for_status()
    for url in (waiting, parent):
        wait_until(lambda url=url: host.get(url).status_code == 200)
        assert host.get(url).json()["output"] == "gone"
    assert notes().count(f"arrive {name}/a.mp4") == 1, "a blob with a receipt came again"


class Hub:
    """A task hub with a worker, in this process, that can be left without a farewell."""

    def __init__(self, journal: Path) -> None:
        (port,) = free_ports(1)
        self.backend = DurableBackend(port, journal)
        self.client = TaskHubGrpcClient(host_address=f"{HOST}:{port}")
        self.worker = TaskHubGrpcWorker(host_address=f"{HOST}:{port}")
        self.worker.add_orchestrator(sleep)
        self.worker.add_orchestrator(wait)
        self.worker.add_orchestrator(think)
        self.worker.add_orchestrator(tell_version)
        self.worker.add_orchestrator(delegate)
        self.worker.add_activity(work)
        self.backend.start()
        self.worker.start()

    def state(self, name: str) -> OrchestrationState:
        state = self.client.get_orchestration_state(name)
        assert state is not None
        return state

    def wait(self, name: str) -> OrchestrationState:
        state = self.client.wait_for_orchestration_completion(name, timeout=60)
        assert state is not None
        return state

    def stop(self) -> None:
        """End the backend first, in the midst of whatever it does."""
        self.backend.stop()
        self.worker.stop()
        self.client.close()


def sleep(context: task.OrchestrationContext, seconds: float) -> Any:
    yield context.create_timer(timedelta(seconds=seconds))
    return "awake"


def wait(context: task.OrchestrationContext, _: None) -> Any:
    return (yield context.wait_for_external_event("go"))


def tell_version(context: task.OrchestrationContext, told: str | None) -> Any:
    """Wait, then continue as new; tell both versions."""
    yield context.wait_for_external_event("go")
    if told:
        return [told, context.version]
    return context.continue_as_new(context.version, save_events=True)


def think(context: task.OrchestrationContext, _: None) -> Any:
    THINKING.set()
    GO_ON.wait()
    return (yield context.wait_for_external_event("go"))


def delegate(context: task.OrchestrationContext, _: None) -> Any:
    return (yield context.call_activity(work))


def work(_context: task.ActivityContext, _: None) -> None:
    WORKING.set()
    FINISH.wait()


@pytest.fixture
def hubs(tmp_path: Path) -> Generator[Callable[[], Hub]]:
    """Return a function that opens the one task hub once more."""
    opened: list[Hub] = []

    def open_hub() -> Hub:
        opened.append(Hub(tmp_path / "hub" / "journal"))
        return opened[-1]

    yield open_hub
    for hub in opened:
        hub.stop()


def test_a_timer_is_set_again(hubs: Callable[[], Hub]):
    first = hubs()
    name = first.client.schedule_new_orchestration(sleep, input=1.0)
    first.client.wait_for_orchestration_start(name, timeout=10)
    first.stop()
    assert hubs().wait(name).get_output() == "awake"


def test_an_event_that_nobody_took_yet_is_kept(hubs: Callable[[], Hub]):
    first = hubs()
    name = first.client.schedule_new_orchestration(wait)
    first.client.wait_for_orchestration_start(name, timeout=10)
    first.worker.stop()
    first.client.raise_orchestration_event(name, "go", data="kept")
    first.stop()
    assert hubs().wait(name).get_output() == "kept"


def test_the_version_is_kept_through_continuing_as_new(hubs: Callable[[], Hub]):
    first = hubs()
    name = first.client.schedule_new_orchestration(tell_version, version="7")
    first.client.wait_for_orchestration_start(name, timeout=10)
    first.stop()
    second = hubs()
    for _ in range(2):
        second.client.raise_orchestration_event(name, "go")
    assert second.wait(name).get_output() == ["7", "7"]


def test_events_that_an_orchestrator_had_in_hand_are_kept(hubs: Callable[[], Hub]):
    first = hubs()
    name = first.client.schedule_new_orchestration(think)
    assert THINKING.wait(timeout=10)
    first.client.raise_orchestration_event(name, "go", data="kept")
    first.backend.stop()
    GO_ON.set()
    assert hubs().wait(name).get_output() == "kept"


def test_a_result_that_comes_after_the_end_changes_nothing(hubs: Callable[[], Hub]):
    hub = hubs()
    name = hub.client.schedule_new_orchestration(delegate)
    assert WORKING.wait(timeout=10)
    hub.client.terminate_orchestration(name)
    hub.wait(name)
    before = hub.client.get_orchestration_history(name)
    FINISH.set()
    hub.wait(hub.client.schedule_new_orchestration(sleep, input=0.2))  # time for the result
    assert hub.client.get_orchestration_history(name) == before


def test_an_event_for_a_suspended_instance_is_kept(hubs: Callable[[], Hub], wait_until: WaitUntil):
    first = hubs()
    name = first.client.schedule_new_orchestration(wait)
    first.client.wait_for_orchestration_start(name, timeout=10)
    first.client.suspend_orchestration(name)
    wait_until(lambda: first.state(name).runtime_status is OrchestrationStatus.SUSPENDED)
    first.client.raise_orchestration_event(name, "go", data="kept")
    first.stop()
    second = hubs()
    assert second.state(name).runtime_status is OrchestrationStatus.SUSPENDED
    second.client.resume_orchestration(name)
    assert second.wait(name).get_output() == "kept"


def test_an_instance_that_never_ran_is_kept(hubs: Callable[[], Hub]):
    first = hubs()
    first.worker.stop()
    name = first.client.schedule_new_orchestration(sleep, input=0)
    first.stop()
    assert hubs().wait(name).get_output() == "awake"


def test_an_ended_and_a_purged_instance_stay_so(hubs: Callable[[], Hub]):
    first = hubs()
    ended, purged = (first.client.schedule_new_orchestration(sleep, input=0) for _ in range(2))
    first.wait(ended)
    first.wait(purged)
    first.client.purge_orchestration(purged)
    first.stop()
    second = hubs()
    assert second.state(ended).runtime_status is OrchestrationStatus.COMPLETED
    assert second.client.get_orchestration_state(purged) is None
