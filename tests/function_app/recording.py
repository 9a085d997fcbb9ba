"""Histories of whole orchestrations, kept as files, so that later code can be held against them.

    python -m pytest tests/function_app/test_orchestrator.py --record

keeps the history of each orchestration that those tests run, under the version that it has.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub
from google.protobuf import json_format

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).with_name("histories")


def histories() -> list[Path]:
    """Return the files with histories."""
    return sorted(FOLDER.glob("*.json"))


def read(file: Path) -> list[pb.HistoryEvent]:
    return list(json_format.Parse(file.read_text(), pb.HistoryChunk()).events)


def record(address: str, test: str) -> None:
    """Keep the history of the one orchestration that a task hub has run."""
    with grpc.insecure_channel(address) as channel:
        stub = TaskHubSidecarServiceStub(channel)
        (instance,) = stub.QueryInstances(pb.QueryInstancesRequest()).orchestrationState
        request = pb.StreamInstanceHistoryRequest(instanceId=instance.instanceId)
        chunks = stub.StreamInstanceHistory(request)
        history = pb.HistoryChunk(events=[event for chunk in chunks for event in chunk.events])
    file = FOLDER / f"{_version(history.events)}.{test.removeprefix('test_')}.json"
    text = json_format.MessageToJson(history, indent=1)
    file.write_text(text.replace(f"{ROOT}/", "") + "\n")


def _version(events: list[pb.HistoryEvent]) -> str:
    (started,) = [each.executionStarted for each in events if each.HasField("executionStarted")]
    return started.version.value or "1"


@dataclass(frozen=True, slots=True)
class Turn:
    """One execution of an orchestrator: what it saw before, what is new, what it then asks for.

    Attributes:
        past: events of earlier turns.
        new: events that woke it.
        asks: names of the activities that it schedules, "timer", or "end" with its status.
    """

    past: list[pb.HistoryEvent]
    new: list[pb.HistoryEvent]
    asks: list[str]


def turns(history: list[pb.HistoryEvent]) -> Iterator[Turn]:
    starts = [at for at, event in enumerate(history) if event.HasField("orchestratorStarted")]
    for start, end in zip(starts, [*starts[1:], len(history)], strict=True):
        asks = [ask for event in history[start:end] if (ask := _ask(event))]
        new = [event for event in history[start:end] if event.WhichOneof("eventType") in _WAKING]
        yield Turn(history[:start], new, asks)


_WAKING = {
    "orchestratorStarted",
    "executionStarted",
    "taskCompleted",
    "taskFailed",
    "timerFired",
    "eventRaised",
}


def _ask(event: pb.HistoryEvent) -> str:
    match event.WhichOneof("eventType"):
        case "taskScheduled":
            return event.taskScheduled.name
        case "timerCreated":
            return "timer"
        case "executionCompleted":
            return f"end {event.executionCompleted.orchestrationStatus}"
        case _:
            return ""


def asked(actions: Iterable[pb.OrchestratorAction]) -> list[str]:
    """Name what an orchestrator asks for, as `Turn.asks` does."""
    names = {
        "scheduleTask": lambda action: action.scheduleTask.name,
        "createTimer": lambda _: "timer",
        "completeOrchestration": lambda action: (
            f"end {action.completeOrchestration.orchestrationStatus}"
        ),
    }
    return [names[action.WhichOneof("orchestratorActionType")](action) for action in actions]
