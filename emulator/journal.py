"""What a task hub keeps on disk: its instances, and what its hosts have in hand."""

import sqlite3
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import durabletask.internal.orchestrator_service_pb2 as pb
from durabletask.testing.in_memory_backend import OrchestrationInstance

_SCHEMA = """
CREATE TABLE IF NOT EXISTS instances (
    id TEXT PRIMARY KEY,
    state BLOB NOT NULL,    -- OrchestrationState
    history BLOB NOT NULL,  -- HistoryChunk: events the orchestrator has seen
    pending BLOB NOT NULL   -- HistoryChunk: events it has not
);
CREATE TABLE IF NOT EXISTS held (
    instance TEXT NOT NULL,
    task INTEGER NOT NULL,  -- id of an activity's; -1 for the orchestrator's
    until REAL NOT NULL,    -- seconds since 1970 at which others may see it
    PRIMARY KEY (instance, task)
);
"""
ORCHESTRATOR = -1
"""In place of an activity's id, for the orchestrator of an instance."""


class Journal:
    """A SQLite database; one thread at a time may use it."""

    def __init__(self, file: Path) -> None:
        """Open it, or make it."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(file, check_same_thread=False, autocommit=True)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")  # the process dies, not the machine
        self._database.executescript(_SCHEMA)
        overdue = [datetime.now(UTC).timestamp()]
        self._database.execute("DELETE FROM held WHERE until < ?", overdue)

    def close(self) -> None:
        """Write nothing any more."""
        self._database.close()

    @contextmanager
    def at_once(self) -> Generator[None]:
        """Have all that is written meanwhile kept together."""
        self._database.execute("BEGIN")
        try:
            yield
        finally:
            self._database.execute("COMMIT")

    def write(self, instance: OrchestrationInstance, state: pb.OrchestrationState) -> None:
        """Keep an instance in place of what was kept of it."""
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

    def forget(self, instances: Iterable[str]) -> None:
        """Keep instances no longer."""
        self._database.executemany(
            "DELETE FROM instances WHERE id = ?", [(name,) for name in instances]
        )

    def instances(self) -> list[OrchestrationInstance]:
        """Read every instance."""
        rows = self._database.execute("SELECT state, history, pending FROM instances")
        return [_read(*row) for row in rows]

    def hold(self, instance: str, task: int, seconds: float) -> None:
        """Note for how long a host hides from the others what it has in hand."""
        row = (instance, task, datetime.now(UTC).timestamp() + seconds)
        self._database.execute("INSERT OR REPLACE INTO held VALUES (?, ?, ?)", row)

    def hold_on(self, orchestrators_s: float, activities_s: float) -> None:
        """Hide all that is in hand anew."""
        self._database.execute(
            "UPDATE held SET until = ? + CASE task WHEN ? THEN ? ELSE ? END",
            (datetime.now(UTC).timestamp(), ORCHESTRATOR, orchestrators_s, activities_s),
        )

    def release(self, instance: str, task: int) -> None:
        """Hide no longer what is done."""
        self._database.execute("DELETE FROM held WHERE instance = ? AND task = ?", (instance, task))

    def release_all(self) -> None:
        """Hide nothing any more."""
        self._database.execute("DELETE FROM held")

    def hidden_until(self, instance: str, task: int) -> datetime:
        """Return when what a host held that is gone may be taken up."""
        query = "SELECT until FROM held WHERE instance = ? AND task = ?"
        (until,) = self._database.execute(query, (instance, task)).fetchone() or (0.0,)
        return datetime.fromtimestamp(until, UTC)


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
