"""The task hub: durabletask's in-memory backend, made to outlive its process.

Each change of an instance is written to a SQLite database before the call that caused it
returns. A new process reads the instances back and takes up what they wait for, as a real
task hub does: activities without a result run again, timers are set again, and orchestrators
replay their history.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import override

import durabletask.internal.orchestrator_service_pb2 as pb
import grpc
from durabletask.internal import helpers
from durabletask.testing.in_memory_backend import (
    ActivityWorkItem,
    InMemoryOrchestrationBackend,
    OrchestrationInstance,
)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS instances (
    id TEXT PRIMARY KEY,
    state BLOB NOT NULL,    -- OrchestrationState
    history BLOB NOT NULL,  -- HistoryChunk: events the orchestrator has seen
    pending BLOB NOT NULL   -- HistoryChunk: events it has not
)
"""


class DurableBackend(InMemoryOrchestrationBackend):
    """The in-memory backend with a journal on disk."""

    def __init__(self, port: int, journal: Path) -> None:
        """Read the instances that `journal` holds; `start` then goes on with them."""
        super().__init__(port=port)
        self._traces: dict[str, pb.TraceContext] = {}
        journal.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(journal, check_same_thread=False, autocommit=True)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute(_SCHEMA)
        self._restore()

    @override
    def stop(self, grace: float | None = None) -> None:
        """End the hub; what happens from now on is not kept."""
        super().stop(grace)
        with self._lock:
            self._database.close()

    @override
    def StartInstance(
        self, request: pb.CreateInstanceRequest, context: grpc.ServicerContext
    ) -> pb.CreateInstanceResponse:
        """Start an instance within the trace of who asks for it."""
        with self._lock:
            response = super().StartInstance(request, context)
            self._traces[response.instanceId] = request.parentTraceContext
            self._enqueue_orchestration(response.instanceId)
        return response

    @override
    def GetWorkItems(
        self, request: pb.GetWorkItemsRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.WorkItem]:
        """Hand work out, activities within the trace of their instance."""
        for item in super().GetWorkItems(request, context):
            activity = item.activityRequest
            if trace := self._traces.get(activity.orchestrationInstance.instanceId):
                activity.parentTraceContext.CopyFrom(trace)
            yield item

    @override
    def CompleteOrchestratorTask(
        self, request: pb.OrchestratorResponse, context: grpc.ServicerContext
    ) -> pb.CompleteTaskResponse:
        """Take an orchestrator's actions: its own and its children's changes are one."""
        with self._lock:
            self._database.execute("BEGIN")
            try:
                response = super().CompleteOrchestratorTask(request, context)
                if request.instanceId in self._instances:
                    self._write(self._instances[request.instanceId])
            finally:
                self._database.execute("COMMIT")
        return response

    @override
    def RaiseEvent(
        self, request: pb.RaiseEventRequest, context: grpc.ServicerContext
    ) -> pb.RaiseEventResponse:
        """Keep the event, also that of a suspended instance, which is not enqueued."""
        with self._lock:
            response = super().RaiseEvent(request, context)
            self._write(self._instances[request.instanceId])
        return response

    @override
    def PurgeInstances(
        self, request: pb.PurgeInstancesRequest, context: grpc.ServicerContext
    ) -> pb.PurgeInstancesResponse:
        """Forget instances, on disk too."""
        with self._lock:
            before = set(self._instances)
            response = super().PurgeInstances(request, context)
            purged = [(name,) for name in before - self._instances.keys()]
            self._database.executemany("DELETE FROM instances WHERE id = ?", purged)
        return response

    @override
    def _enqueue_orchestration(self, instance_id: str) -> None:
        """Every change but an orchestrator's own comes through here.

        An instance that has ended is left alone: the backend would replay it when a result
        that nobody waits for arrives. After the end of the hub a late timer finds it closed.
        """
        instance = self._instances[instance_id]
        if not (self._is_terminal_status(instance.status) or self._shutdown_event.is_set()):
            self._trace(instance)
            self._write(instance)
            super()._enqueue_orchestration(instance_id)

    @override
    def _terminate_instance_internal(
        self, instance_id: str, output: str | None, recursive: bool = False
    ) -> None:
        """End an instance and, where `recursive`, its sub-orchestrations."""
        super()._terminate_instance_internal(instance_id, output)
        if recursive and (instance := self._instances.get(instance_id)) is not None:
            for event in _unanswered([*instance.history, *instance.pending_events]):
                if event.HasField("subOrchestrationInstanceCreated"):
                    child = event.subOrchestrationInstanceCreated.instanceId
                    self._terminate_instance_internal(child, output, recursive)

    @override
    def _wait_for_state(
        self,
        instance_id: str,
        predicate: Callable[[OrchestrationInstance], bool],
        timeout: float | None,
    ) -> OrchestrationInstance | None:
        """Wait without end where no timeout is given.

        The backend gives up after 30 s, and a parent would never hear of a sub-orchestration
        that took longer.
        """
        limit = threading.TIMEOUT_MAX if timeout is None else timeout
        return super()._wait_for_state(instance_id, predicate, limit)

    def _trace(self, instance: OrchestrationInstance) -> None:
        """Write the trace into the first event of an execution, whose child it makes it."""
        trace = self._traces.get(instance.instance_id)
        for event in instance.pending_events:
            if event.HasField("executionStarted") and trace is not None:
                event.executionStarted.parentTraceContext.CopyFrom(trace)

    def _write(self, instance: OrchestrationInstance) -> None:
        state = self._build_instance_response(instance, True).orchestrationState
        if instance.version:
            state.version.value = instance.version
        pending = [*instance.dispatched_events, *instance.pending_events]
        self._database.execute(
            "INSERT OR REPLACE INTO instances VALUES (?, ?, ?, ?)",
            (
                instance.instance_id,
                state.SerializeToString(),
                pb.HistoryChunk(events=instance.history).SerializeToString(),
                pb.HistoryChunk(events=pending).SerializeToString(),
            ),
        )

    def _restore(self) -> None:
        with self._lock:
            rows = self._database.execute("SELECT state, history, pending FROM instances")
            instances = [_read(*row) for row in rows]
            self._instances.update({instance.instance_id: instance for instance in instances})
            self._traces.update(_traces(instances))
            for instance in instances:
                if not self._is_terminal_status(instance.status):
                    self._resume(instance)

    def _resume(self, instance: OrchestrationInstance) -> None:
        """Take up what `instance` waits for."""
        instance.completion_token = self._next_completion_token
        self._next_completion_token += 1
        for event in _unanswered([*instance.history, *instance.pending_events]):
            if event.HasField("taskScheduled"):
                self._activity_queue.append(_work_item(instance, event))
            elif event.HasField("timerCreated"):
                self._set_timer(instance.instance_id, event)
            else:
                created = event.subOrchestrationInstanceCreated
                self._watch_sub_orchestration(
                    instance.instance_id, created.instanceId, event.eventId
                )
        if instance.pending_events:
            self._enqueue_orchestration(instance.instance_id)

    def _set_timer(self, instance_id: str, event: pb.HistoryEvent) -> None:
        fire_at = event.timerCreated.fireAt.ToDatetime(tzinfo=UTC)

        def fire() -> None:
            with self._lock:
                if (instance := self._instances.get(instance_id)) is not None:
                    fired = helpers.new_timer_fired_event(event.eventId, fire_at)
                    instance.pending_events.append(fired)
                    self._enqueue_orchestration(instance_id)

        timer = threading.Timer(max(0, (fire_at - datetime.now(UTC)).total_seconds()), fire)
        timer.daemon = True
        timer.start()


def _read(state: bytes, history: bytes, pending: bytes) -> OrchestrationInstance:
    saved = pb.OrchestrationState.FromString(state)
    return OrchestrationInstance(
        instance_id=saved.instanceId,
        name=saved.name,
        version=saved.version.value or None,
        status=saved.orchestrationStatus,
        input=saved.input.value or None,
        output=saved.output.value or None,
        custom_status=saved.customStatus.value or None,
        created_at=saved.createdTimestamp.ToDatetime(tzinfo=UTC),
        last_updated_at=saved.lastUpdatedTimestamp.ToDatetime(tzinfo=UTC),
        completed_at=(
            saved.completedTimestamp.ToDatetime(tzinfo=UTC)
            if saved.HasField("completedTimestamp")
            else None
        ),
        failure_details=saved.failureDetails if saved.HasField("failureDetails") else None,
        history=list(pb.HistoryChunk.FromString(history).events),
        pending_events=list(pb.HistoryChunk.FromString(pending).events),
    )


def _traces(instances: Iterable[OrchestrationInstance]) -> Iterator[tuple[str, pb.TraceContext]]:
    """Yield the trace of each instance that was started within one."""
    for instance in instances:
        for event in (*instance.history, *instance.pending_events):
            if event.executionStarted.HasField("parentTraceContext"):
                yield instance.instance_id, event.executionStarted.parentTraceContext


def _unanswered(events: Iterable[pb.HistoryEvent]) -> list[pb.HistoryEvent]:
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


def _work_item(instance: OrchestrationInstance, event: pb.HistoryEvent) -> ActivityWorkItem:
    scheduled = event.taskScheduled
    return ActivityWorkItem(
        instance_id=instance.instance_id,
        name=scheduled.name,
        task_id=event.eventId,
        input=scheduled.input.value or None,
        completion_token=instance.completion_token,
    )
