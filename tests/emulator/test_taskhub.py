"""What the task hub keeps when its process is killed, in the host and by itself."""

import os
import signal
import threading
import uuid
from collections.abc import Callable, Generator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.storage.blob import BlobServiceClient
from durabletask import task
from durabletask.client import (
    OrchestrationQuery,
    OrchestrationState,
    OrchestrationStatus,
    TaskHubGrpcClient,
)
from durabletask.worker import TaskHubGrpcWorker
from hypothesis import given
from hypothesis import strategies as st

from emulator import Emulator
from emulator.config import HOST, free_ports
from emulator.hub_rules import HubRules
from emulator.taskhub import DurableBackend, due

INSTANCES = "/runtime/webhooks/durabletask/instances"

SOON = HubRules(orchestrators_hidden_s=0, activities_hidden_s=0)
OF_SEVEN = replace(SOON, version="7")
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
    pending: Callable[[], int],
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
    wait_until(lambda: not pending())
    arrivals = notes().count(f"arrive {name}/a.mp4")
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
    assert notes().count(f"arrive {name}/a.mp4") == arrivals, "a delivered event came again"


class Hub:
    """A task hub with a worker, in this process, that can be left without a farewell."""

    def __init__(self, journal: Path, rules: HubRules) -> None:
        (port,) = free_ports(1)
        self.backend = DurableBackend(port, journal, rules)
        self.client = TaskHubGrpcClient(host_address=f"{HOST}:{port}")
        self.worker = TaskHubGrpcWorker(host_address=f"{HOST}:{port}")
        self.worker.add_orchestrator(sleep)
        self.worker.add_orchestrator(wait)
        self.worker.add_orchestrator(think)
        self.worker.add_orchestrator(tell_version)
        self.worker.add_orchestrator(delegate)
        self.worker.add_orchestrator(fail)
        self.worker.add_orchestrator(confide)
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


def fail(_context: task.OrchestrationContext, message: str) -> Any:
    raise LookupError(message)


def confide(context: task.OrchestrationContext, message: str) -> Any:
    try:
        yield context.call_sub_orchestrator(fail, input=message)
    except task.TaskFailedError as error:
        return error.details.message


def work(_context: task.ActivityContext, _: None) -> None:
    WORKING.set()
    FINISH.wait()


@pytest.fixture
def hubs(tmp_path: Path) -> Generator[Callable[..., Hub]]:
    """Return a function that opens the one task hub once more; nothing is hidden for long."""
    opened: list[Hub] = []

    def open_hub(rules: HubRules = SOON) -> Hub:
        opened.append(Hub(tmp_path / "hub" / "journal", rules))
        return opened[-1]

    yield open_hub
    for hub in opened:
        hub.stop()


def test_a_timer_is_set_again(hubs: Callable[..., Hub]):
    first = hubs()
    name = first.client.schedule_new_orchestration(sleep, input=2.0)
    first.client.wait_for_orchestration_start(name, timeout=60)
    first.stop()
    assert hubs().wait(name).get_output() == "awake"


def test_an_event_that_nobody_took_yet_is_kept(hubs: Callable[..., Hub]):
    first = hubs()
    name = first.client.schedule_new_orchestration(wait)
    first.client.wait_for_orchestration_start(name, timeout=60)
    first.worker.stop()
    first.client.raise_orchestration_event(name, "go", data="kept")
    first.stop()
    assert hubs().wait(name).get_output() == "kept"


def test_the_version_is_kept_through_continuing_as_new(hubs: Callable[..., Hub]):
    first = hubs(OF_SEVEN)
    name = first.client.schedule_new_orchestration(tell_version, version="7")
    first.client.wait_for_orchestration_start(name, timeout=60)
    first.stop()
    second = hubs(OF_SEVEN)
    for _ in range(2):
        second.client.raise_orchestration_event(name, "go")
    assert second.wait(name).get_output() == ["7", "7"]


def test_events_that_an_orchestrator_had_in_hand_are_kept(hubs: Callable[..., Hub]):
    first = hubs()
    name = first.client.schedule_new_orchestration(think)
    assert THINKING.wait(timeout=60)
    first.client.raise_orchestration_event(name, "go", data="kept")
    first.backend.stop()
    GO_ON.set()
    assert hubs().wait(name).get_output() == "kept"


def test_a_result_that_comes_after_the_end_changes_nothing(hubs: Callable[..., Hub]):
    hub = hubs()
    WORKING.clear()
    FINISH.clear()
    name = hub.client.schedule_new_orchestration(delegate)
    assert WORKING.wait(timeout=60)
    hub.client.terminate_orchestration(name)
    hub.wait(name)
    before = hub.client.get_orchestration_history(name)
    FINISH.set()
    hub.wait(hub.client.schedule_new_orchestration(sleep, input=0.2))  # time for the result
    assert hub.client.get_orchestration_history(name) == before


def test_an_event_for_a_suspended_instance_is_kept(hubs: Callable[..., Hub], wait_until: WaitUntil):
    first = hubs()
    name = first.client.schedule_new_orchestration(wait)
    first.client.wait_for_orchestration_start(name, timeout=60)
    first.client.suspend_orchestration(name)
    wait_until(lambda: first.state(name).runtime_status is OrchestrationStatus.SUSPENDED)
    first.client.raise_orchestration_event(name, "go", data="kept")
    first.stop()
    second = hubs()
    assert second.state(name).runtime_status is OrchestrationStatus.SUSPENDED
    second.client.resume_orchestration(name)
    assert second.wait(name).get_output() == "kept"


def test_an_instance_that_never_ran_is_kept(hubs: Callable[..., Hub]):
    first = hubs()
    first.worker.stop()
    name = first.client.schedule_new_orchestration(sleep, input=0)
    first.stop()
    assert hubs().wait(name).get_output() == "awake"


def test_an_ended_and_a_purged_instance_stay_so(hubs: Callable[..., Hub]):
    first = hubs()
    ended, purged = (first.client.schedule_new_orchestration(sleep, input=0) for _ in range(2))
    first.wait(ended)
    first.wait(purged)
    first.client.purge_orchestration(purged)
    first.stop()
    second = hubs()
    assert second.state(ended).runtime_status is OrchestrationStatus.COMPLETED
    assert second.client.get_orchestration_state(purged) is None


@pytest.fixture
def works(hubs: Callable[..., Hub]) -> Hub:
    """Return a hub with an activity at work."""
    WORKING.clear()
    FINISH.clear()
    hub = hubs(HubRules(activities_hidden_s=2))
    hub.client.schedule_new_orchestration(delegate, instance_id="delegate")
    assert WORKING.wait(timeout=60)
    return hub


def leave_without_result(hub: Hub) -> None:
    hub.backend.stop()
    WORKING.clear()
    FINISH.set()


def test_what_a_dead_host_held_is_hidden_as_long_as_host_json_says(
    works: Hub, hubs: Callable[..., Hub]
):
    leave_without_result(works)
    second = hubs()
    second.wait(second.client.schedule_new_orchestration(sleep, input=0))
    assert not WORKING.is_set(), "others may not see it yet"
    assert second.wait("delegate").runtime_status is OrchestrationStatus.COMPLETED


def test_who_ends_in_peace_leaves_its_work_to_others(works: Hub, hubs: Callable[..., Hub]):
    works.backend.let_go()
    leave_without_result(works)
    second = hubs(HubRules())
    assert second.wait("delegate").runtime_status is OrchestrationStatus.COMPLETED
    assert WORKING.is_set()


def test_an_instance_of_a_newer_version_waits_for_a_host_that_takes_it(
    hubs: Callable[..., Hub], caplog: pytest.LogCaptureFixture
):
    first = hubs()
    name = first.client.schedule_new_orchestration(sleep, input=0, version="2")
    first.wait(first.client.schedule_new_orchestration(sleep, input=0))
    assert first.state(name).runtime_status is OrchestrationStatus.PENDING
    (said,) = [each for each in caplog.messages if name in each and "waits for a host" in each]
    assert "is of version 2" in said
    first.stop()
    second = hubs(HubRules("2", orchestrators_hidden_s=0))
    assert second.wait(name).runtime_status is OrchestrationStatus.COMPLETED


def test_an_instance_without_a_version_gets_the_hosts(hubs: Callable[..., Hub]):
    hub = hubs(OF_SEVEN)
    name = hub.client.schedule_new_orchestration(tell_version)
    for _ in range(2):
        hub.client.raise_orchestration_event(name, "go")
    assert hub.wait(name).get_output() == ["7", "7"]


def test_a_failure_is_told_in_words_and_its_parent_hears_of_it(hubs: Callable[..., Hub]):
    hub = hubs()
    failed = hub.wait(hub.client.schedule_new_orchestration(fail, input="why"))
    listed = hub.client.get_all_orchestration_states(
        OrchestrationQuery(fetch_inputs_and_outputs=True)
    )
    for state in (failed, hub.state(failed.instance_id), *listed):
        assert state.runtime_status is OrchestrationStatus.FAILED
        assert state.failure_details is None
        assert state.serialized_output == "builtins.LookupError: why"
    told = hub.wait(hub.client.schedule_new_orchestration(confide, input="why")).get_output()
    assert "why" in told


def test_one_that_ended_is_replaced_by_another_of_its_id(hubs: Callable[..., Hub]):
    hub = hubs()
    for number in range(2):
        hub.client.schedule_new_orchestration(tell_version, input=str(number), instance_id="one")
        hub.client.raise_orchestration_event("one", "go")
        assert hub.wait("one").get_output() == [str(number), None]


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    st.timedeltas(timedelta(0), timedelta(days=2)),
)
def test_a_timer_waits_for_whole_seconds_and_never_longer(moment: datetime, wait: timedelta):
    waited = due(moment, moment + wait) - moment
    assert waited.microseconds == 0
    assert timedelta(0) <= wait - waited < timedelta(seconds=1)


def test_a_timer_for_the_past_fires_at_once():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert due(now, now - timedelta(days=1)) == now
