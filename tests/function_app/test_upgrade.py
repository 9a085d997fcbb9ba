"""An instance that began under an earlier version of the app goes on under this one.

A running orchestration is replayed on new code after each event. Recorded histories stand for what
runs while the app is upgraded: at each of their turns, the present orchestrator must ask for what
the history says that it asked for.
"""

import base64
import json
from pathlib import Path

import pytest
from durabletask.internal import orchestrator_service_pb2 as pb

from emulator.hub_rules import HubRules
from function_app.orchestrator import VERSION
from tests.function_app.recording import asked, histories, read, turns
from tests.function_app.wire import Worker, text

# The worker library itself reads an orchestrator's input in a way that azure-functions will drop.
pytestmark = pytest.mark.filterwarnings("ignore:.*expected_type:DeprecationWarning")


HOST = json.loads((Path(__file__).parents[2] / "host.json").read_text())["extensions"]


def test_the_host_runs_instances_of_the_present_version() -> None:
    """It leaves those of a later one than its own alone, for ever and without a word."""
    hub = HOST["durableTask"]
    assert hub["defaultVersion"] == str(VERSION)
    assert hub["versionMatchStrategy"] == "CurrentOrOlder"
    assert hub["versionFailureStrategy"] == "Reject"


def test_the_next_version_is_a_later_one_to_the_host() -> None:
    """It compares such texts letter by letter, so "10" is before "9": see `VERSION`."""
    present, following = str(VERSION), str(VERSION + 1)
    assert HubRules(version=following).takes(present)
    assert not HubRules(version=present).takes(following)


def test_what_a_killed_host_held_comes_back_within_a_minute() -> None:
    provider = HOST["durableTask"]["storageProvider"]
    for queue in ("controlQueue", "workItemQueue"):
        assert provider[f"{queue}VisibilityTimeout"] == "00:01:00"


@pytest.mark.parametrize("file", histories(), ids=lambda file: file.stem)
def test_a_recorded_history_goes_on_as_it_did(worker: Worker, file: Path) -> None:
    for turn in turns(read(file)):
        assert asked(replayed(worker, turn.past, turn.new)) == turn.asks


def test_a_history_of_other_steps_fails(worker: Worker) -> None:
    """The check above can fail: a history is not taken for whatever the orchestrator does."""
    history = read(histories()[0])
    for event in history:
        if event.taskScheduled.name == "submit":
            event.taskScheduled.name = "stitch"
    assert any(asked(replayed(worker, turn.past, turn.new)) != turn.asks for turn in turns(history))


def replayed(
    worker: Worker, past: list[pb.HistoryEvent], new: list[pb.HistoryEvent]
) -> list[pb.OrchestratorAction]:
    """Return what the app's orchestrator asks for, woken by new events."""
    request = pb.OrchestratorRequest(instanceId="film-000000000000", pastEvents=past, newEvents=new)
    message = text(base64.b64encode(request.SerializeToString()).decode())
    answer = worker.call("restyle", _durable_input=message)
    return list(pb.OrchestratorResponse.FromString(base64.b64decode(answer.string)).actions)
