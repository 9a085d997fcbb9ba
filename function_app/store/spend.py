"""The day's spending: what jobs have set aside and what they came to, one small blob each.

`spend/{day}/{job}` carries its amount in the blob's metadata, so that one listing adds a day up. A
job sets its estimate aside before it looks whether the day still has room; so two that look at the
same moment may both step back, and never both go ahead. The container is out of the nodes' reach.
"""

from __future__ import annotations

from datetime import UTC, datetime

from function_app.store import paths, storage

_AMOUNT = "amount"


def today() -> str:
    """Return the day that spending counts for now: of UTC, as YYYY-MM-DD."""
    return datetime.now(UTC).date().isoformat()


def set_aside(day: str, job_id: str, amount: float, most: float) -> float | None:
    """Set an amount aside for a job, if the day has room for it.

    Args:
        day: as `today` says it.
        job_id: whose amount it is; it is counted once however often this is called.
        amount: to set aside.
        most: that all jobs of the day may come to.

    Returns:
        What the other jobs of the day come to, if there was no room; None if there was.
    """
    record(day, job_id, amount)
    others = sum(each for name, each in amounts(day).items() if name != job_id)
    if others + amount <= most:
        return None
    storage.delete_all(paths.SPEND, _name(day, job_id))
    return others


def record(day: str, job_id: str, amount: float) -> None:
    """Write down what a job comes to, over what was written before."""
    blob = storage.blob(paths.SPEND, _name(day, job_id))
    blob.upload_blob(b"", overwrite=True, metadata={_AMOUNT: f"{amount:.4f}"})


def amounts(day: str) -> dict[str, float]:
    """Return what the jobs of a day come to, by job id."""
    listing = storage.container(paths.SPEND).list_blobs(f"{day}/", include=["metadata"])
    return {
        blob.name.partition("/")[2]: float(blob.metadata[_AMOUNT])
        for blob in listing
        if blob.metadata
    }


def _name(day: str, job_id: str) -> str:
    return f"{day}/{job_id}"
