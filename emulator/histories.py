"""What histories of instances tell a hub that has just begun: traces, and what is waited for."""

from collections.abc import Iterable, Iterator

import durabletask.internal.orchestrator_service_pb2 as pb
from durabletask.testing.in_memory_backend import ActivityWorkItem, OrchestrationInstance


def traces(instances: Iterable[OrchestrationInstance]) -> Iterator[tuple[str, pb.TraceContext]]:
    """Yield the trace of each instance that was started within one."""
    for instance in instances:
        for event in (*instance.history, *instance.pending_events):
            if event.executionStarted.HasField("parentTraceContext"):
                yield instance.instance_id, event.executionStarted.parentTraceContext


def unanswered(events: Iterable[pb.HistoryEvent]) -> list[pb.HistoryEvent]:
    """Return the activities, timers and sub-orchestrations that have no outcome yet."""
    waiting: dict[int, pb.HistoryEvent] = {}
    for event in events:
        match event.WhichOneof("eventType"):
            case "taskScheduled" | "timerCreated" | "subOrchestrationInstanceCreated":
                waiting[event.eventId] = event
            case "taskCompleted":
                waiting.pop(event.taskCompleted.taskScheduledId, None)
            case "taskFailed":
                waiting.pop(event.taskFailed.taskScheduledId, None)
            case "timerFired":
                waiting.pop(event.timerFired.timerId, None)
            case "subOrchestrationInstanceCompleted":
                waiting.pop(event.subOrchestrationInstanceCompleted.taskScheduledId, None)
            case "subOrchestrationInstanceFailed":
                waiting.pop(event.subOrchestrationInstanceFailed.taskScheduledId, None)
            case _:
                continue
    return list(waiting.values())


def work_item(instance: OrchestrationInstance, event: pb.HistoryEvent) -> ActivityWorkItem:
    """Return the work that an event of an instance scheduled."""
    scheduled = event.taskScheduled
    return ActivityWorkItem(
        instance_id=instance.instance_id,
        name=scheduled.name,
        task_id=event.eventId,
        input=scheduled.input.value or None,
        completion_token=instance.completion_token,
    )
