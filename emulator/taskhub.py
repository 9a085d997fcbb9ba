"""The task hub: durabletask's in-memory backend, made to outlive its process.

Each change of an instance is written to a SQLite database before the call that caused it
returns. A new process reads the instances back and takes up what they wait for, as a real
task hub does: activities without a result run again, timers are set again, and orchestrators
replay their history.

What the backend is kinder in than Azure's storage provider, it is not here: timers are whole
seconds, an instance of a newer version than the host's is left alone, what a killed host held stays
hidden for a while, and a failed instance has a text for its output in place of failure details.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
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

from emulator.histories import traces, unanswered, work_item
from emulator.hub_rules import AS_IN_AZURE, HubRules
from emulator.journal import ORCHESTRATOR, Journal

_RENEWAL_S = 30.0
"""Seconds after which what is still in hand is hidden anew."""
_REPLACEABLE = (
    pb.ORCHESTRATION_STATUS_COMPLETED,
    pb.ORCHESTRATION_STATUS_FAILED,
    pb.ORCHESTRATION_STATUS_TERMINATED,
)
"""Instances that another of their id replaces where who starts it says nothing."""

logger = logging.getLogger(__name__)


class DurableBackend(InMemoryOrchestrationBackend):
    """The in-memory backend with a journal on disk."""

    def __init__(self, port: int, journal: Path, rules: HubRules = AS_IN_AZURE) -> None:
        """Read the instances that `journal` holds; `start` then goes on with them."""
        super().__init__(port=port)
        self._rules = rules
        self._traces: dict[str, pb.TraceContext] = {}
        self._hidden: set[str] = set()
        self._left_alone: set[str] = set()
        self._letting_go = False
        self._journal = Journal(journal)
        self._restore()

    @override
    def start(self) -> str:
        """Begin to hand work out."""
        address = super().start()
        threading.Thread(target=self._renew, daemon=True).start()
        return address

    @override
    def stop(self, grace: float | None = None) -> None:
        """End the hub; what happens from now on is not kept."""
        super().stop(grace)
        with self._lock:
            self._journal.close()

    def let_go(self) -> None:
        """Hide nothing any more: who ends in peace leaves its work to others."""
        with self._lock:
            self._letting_go = True
            self._journal.release_all()

    @override
    def StartInstance(
        self, request: pb.CreateInstanceRequest, context: grpc.ServicerContext
    ) -> pb.CreateInstanceResponse:
        """Start an instance within the trace of who asks for it."""
        if self._rules.version and not request.version.value:
            request.version.value = self._rules.version
        if not request.orchestrationIdReusePolicy.replaceableStatus:
            request.orchestrationIdReusePolicy.replaceableStatus.extend(_REPLACEABLE)
        with self._lock:
            response = super().StartInstance(request, context)
            self._traces[response.instanceId] = request.parentTraceContext
            self._enqueue_orchestration(response.instanceId)
        return response

    @override
    def QueryInstances(
        self, request: pb.QueryInstancesRequest, context: grpc.ServicerContext
    ) -> pb.QueryInstancesResponse:
        """List instances."""
        response = super().QueryInstances(request, context)
        for state in response.orchestrationState:
            _tell_failure(state, include_output=request.query.fetchInputsAndOutputs)
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
            self._hold(item)
            yield item

    @override
    def CompleteOrchestratorTask(
        self, request: pb.OrchestratorResponse, context: grpc.ServicerContext
    ) -> pb.CompleteTaskResponse:
        """Take an orchestrator's actions: its own and its children's changes are one."""
        with self._lock, self._journal.at_once():
            response = super().CompleteOrchestratorTask(request, context)
            self._release(request.instanceId, ORCHESTRATOR)
            if request.instanceId in self._instances:
                self._write(self._instances[request.instanceId])
        return response

    @override
    def CompleteActivityTask(
        self, request: pb.ActivityResponse, context: grpc.ServicerContext
    ) -> pb.CompleteTaskResponse:
        """Take an activity's result."""
        with self._lock:
            response = super().CompleteActivityTask(request, context)
            self._release(request.instanceId, request.taskId)
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
            self._journal.forget(before - self._instances.keys())
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
            if self._is_to_run(instance):
                super()._enqueue_orchestration(instance_id)

    def _is_to_run(self, instance: OrchestrationInstance) -> bool:
        """Say whether an instance is this host's to run, and now."""
        name = instance.instance_id
        if self._rules.takes(instance.version):
            return name not in self._hidden
        if name not in self._left_alone:
            logger.warning(
                "%s is of version %s and waits for a host that takes it: host.json's "
                "defaultVersion is %s",
                name,
                instance.version or "none",
                self._rules.version or "not set",
            )
            self._left_alone.add(name)
        return False

    @override
    def _create_instance_internal(
        self,
        instance_id: str,
        name: str,
        encoded_input: str | None = None,
        version: str | None = None,
    ) -> None:
        """Create a sub-orchestration."""
        version = version or self._rules.version or None
        super()._create_instance_internal(instance_id, name, encoded_input, version)

    @override
    def _terminate_instance_internal(
        self, instance_id: str, output: str | None, recursive: bool = False
    ) -> None:
        """End an instance; its sub-orchestrations go on, whatever is asked for."""
        super()._terminate_instance_internal(instance_id, output)

    @override
    def _process_create_timer_action(
        self, instance: OrchestrationInstance, action: pb.OrchestratorAction
    ) -> None:
        """Set a timer."""
        fire_at = action.createTimer.fireAt.ToDatetime(tzinfo=UTC)
        event = helpers.new_timer_created_event(action.id, fire_at)
        event.timestamp.GetCurrentTime()
        instance.history.append(event)
        if instance.status == pb.ORCHESTRATION_STATUS_PENDING:
            instance.status = pb.ORCHESTRATION_STATUS_RUNNING
        self._set_timer(instance.instance_id, event)

    @override
    def _build_instance_response(
        self, instance: OrchestrationInstance, include_payloads: bool
    ) -> pb.GetInstanceResponse:
        """Describe an instance."""
        response = super()._build_instance_response(instance, include_payloads)
        _tell_failure(response.orchestrationState, include_output=include_payloads)
        return response

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
        state = super()._build_instance_response(instance, True).orchestrationState
        if instance.version:
            state.version.value = instance.version
        self._journal.write(instance, state)

    def _restore(self) -> None:
        with self._lock:
            instances = self._journal.instances()
            self._instances.update({instance.instance_id: instance for instance in instances})
            self._traces.update(traces(instances))
            for instance in instances:
                if not self._is_terminal_status(instance.status):
                    self._resume(instance)

    def _resume(self, instance: OrchestrationInstance) -> None:
        """Take up what `instance` waits for, once nobody else may be at it."""
        name = instance.instance_id
        instance.completion_token = self._next_completion_token
        self._next_completion_token += 1
        for event in unanswered([*instance.history, *instance.pending_events]):
            if event.HasField("taskScheduled"):
                item = work_item(instance, event)
                until = self._journal.hidden_until(name, event.eventId)
                self._at(until, partial(self._queue_activity, item))
            elif event.HasField("timerCreated"):
                self._set_timer(name, event)
            else:
                created = event.subOrchestrationInstanceCreated
                self._watch_sub_orchestration(name, created.instanceId, event.eventId)
        if instance.pending_events:
            self._hidden.add(name)
            self._at(self._journal.hidden_until(name, ORCHESTRATOR), partial(self._show, name))

    def _show(self, instance_id: str) -> None:
        self._hidden.discard(instance_id)
        if instance_id in self._instances:
            self._enqueue_orchestration(instance_id)

    def _queue_activity(self, item: ActivityWorkItem) -> None:
        self._activity_queue.append(item)
        self._work_available.set()

    def _hold(self, item: pb.WorkItem) -> None:
        """Hide what is handed out from every other host, for as long as host.json says."""
        if item.HasField("activityRequest"):
            name, task = (
                item.activityRequest.orchestrationInstance.instanceId,
                item.activityRequest.taskId,
            )
            seconds = self._rules.activities_hidden_s
        else:
            name, task = item.orchestratorRequest.instanceId, ORCHESTRATOR
            seconds = self._rules.orchestrators_hidden_s
        with self._lock:
            if not (self._letting_go or self._shutdown_event.is_set()):
                self._journal.hold(name, task, seconds)

    def _release(self, instance_id: str, task: int) -> None:
        if not self._shutdown_event.is_set():
            self._journal.release(instance_id, task)

    def _renew(self) -> None:
        """Hide anew, now and then, what takes longer."""
        rules = self._rules
        while not self._shutdown_event.wait(_RENEWAL_S):
            with self._lock:
                if not self._shutdown_event.is_set():
                    self._journal.hold_on(rules.orchestrators_hidden_s, rules.activities_hidden_s)

    def _set_timer(self, instance_id: str, event: pb.HistoryEvent) -> None:
        created = event.timestamp.ToDatetime(tzinfo=UTC)
        fire_at = event.timerCreated.fireAt.ToDatetime(tzinfo=UTC)

        def fire() -> None:
            if (instance := self._instances.get(instance_id)) is not None:
                fired = helpers.new_timer_fired_event(event.eventId, fire_at)
                instance.pending_events.append(fired)
                instance.last_updated_at = datetime.now(UTC)
                self._enqueue_orchestration(instance_id)

        self._at(due(created, fire_at), fire)

    def _at(self, moment: datetime, do: Callable[[], None]) -> None:
        """Do something at a moment, with the lock held; at once where it has passed."""

        def locked() -> None:
            with self._lock:
                do()

        wait_s = (moment - datetime.now(UTC)).total_seconds()
        if wait_s <= 0:
            locked()
            return
        timer = threading.Timer(wait_s, locked)
        timer.daemon = True
        timer.start()


def due(created: datetime, fire_at: datetime) -> datetime:
    """Return when a timer fires: whole seconds after it was created, what is over is cut off.

    The storage provider sends itself a message that is invisible for so many seconds.
    """
    return created + timedelta(seconds=max(0, int((fire_at - created).total_seconds())))


def _tell_failure(state: pb.OrchestrationState, *, include_output: bool) -> None:
    """Tell of a failure as the storage provider does: in words."""
    if state.HasField("failureDetails"):
        failure = state.failureDetails
        if include_output:
            state.output.value = f"{failure.errorType}: {failure.errorMessage}"
        state.ClearField("failureDetails")
