"""A job: the work that one version of one upload starts. Its identity, its state, its status.

A video is restyled; a painting is learnt, or a checkpoint converted, which both make a style.

Job id, orchestration instance id, folder in `jobs` and stem of the Azure Machine Learning job's
name are the same string. It is made from the uploaded blob and its version alone, so the same
event twice means the same job, and a file that is uploaded anew another.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Self

from function_app.errors import Code
from function_app.scheduling.cost import Cost
from function_app.settings import LOW_PRIORITY, Settings
from function_app.store.paths import STYLES, VIDEOS, JobFolder, StyleSource, Video

SLUG_LENGTH = 40
HASH_LENGTH = 12


def job_id(container: str, blob_name: str, etag: str) -> str:
    """Return the id of the job that one version of a blob starts.

    Args:
        container: of the blob.
        blob_name: within the container, `{style}/{name}`.
        etag: the version, with or without the quotes of its HTTP header.

    Returns:
        Lower-case letters, digits and hyphens, at most 53 characters.
    """
    version = "\n".join((container, blob_name, etag.strip('"')))
    digest = hashlib.sha256(version.encode()).hexdigest()[:HASH_LENGTH]
    return f"{job_id_prefix(blob_name)}{digest}"


def job_id_prefix(blob_name: str) -> str:
    """Return what the ids of all jobs of a blob begin with; those of some others do too."""
    stem = unicodedata.normalize("NFKD", PurePosixPath(blob_name).stem).encode("ascii", "ignore")
    slug = re.sub(r"[^a-z0-9]+", "-", stem.decode().lower()).strip("-")[:SLUG_LENGTH].strip("-")
    return f"{slug or 'video'}-"


class Stage(StrEnum):
    """Where a job stands."""

    PREPROCESS = "preprocess"
    WAIT = "wait"
    QUEUE = "queue"
    SCORE = "score"
    LEARN = "learn"
    STITCH = "stitch"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Job:
    """What the upload event says; travels through the orchestration unchanged.

    Attributes:
        job_id: see `job_id`.
        style: to paint in: the folder that the video was put in; or to make.
        name: of the video below that folder; or of the blob in `styles`.
        etag: version of the blob.
        container: of the blob: `videos`, or `styles` where a style is to be made.
    """

    job_id: str
    style: str
    name: str
    etag: str
    container: str = VIDEOS

    @classmethod
    def of(cls, blob_name: str, etag: str) -> Self:
        """Make the job of one version of a blob in `videos`."""
        style, _, name = blob_name.partition("/")
        return cls(job_id(VIDEOS, blob_name, etag), style, name, etag)

    def is_of(self, etag: str) -> bool:
        """Whether an etag is that of the version that this job is of, with quotes or without."""
        return self.etag.strip('"') == etag.strip('"')

    @classmethod
    def of_style(cls, blob_name: str, etag: str) -> Self:
        """Make the job of one version of a painting or checkpoint in `styles`."""
        style = StyleSource(blob_name).style
        return cls(job_id(STYLES, blob_name, etag), style, blob_name, etag, STYLES)

    @property
    def makes_style(self) -> bool:
        """Whether it makes a style instead of painting a video."""
        return self.container == STYLES

    @property
    def blob(self) -> str:
        """Name of the uploaded blob in its container."""
        return self.name if self.makes_style else self.video.blob

    @property
    def style_source(self) -> StyleSource:
        """The painting or checkpoint that a style is made of."""
        return StyleSource(self.name)

    @property
    def video(self) -> Video:
        """The uploaded blob."""
        return Video(self.style, self.name)

    @property
    def folder(self) -> JobFolder:
        """The job's own blobs."""
        return JobFolder(self.job_id)


@dataclass(frozen=True, slots=True)
class Work:
    """What preprocessing found out, as far as the orchestration needs it.

    Attributes:
        source_container: where the worker finds the video: `videos`, or `jobs` if it was copied.
        source_blob: likewise.
        frames: of the plan.
        nodes: to paint on.
        notes: what the result cannot keep, each a sentence.
        estimate: of what painting costs, in the settings' currency; None if no price is known.
        content: blob in `videos` that a painting is learnt on; empty for none.
        awaits_style: whether the style is still being made.
        makes_lines: whether the result is lines of JSON instead of a video.
        options: how the video is painted, by the names that an uploader says them by; None for
            a style, and for what was prepared before they were noted.
    """

    source_container: str
    source_blob: str
    frames: int
    nodes: int
    notes: tuple[str, ...] = ()
    estimate: float | None = None
    content: str = ""
    awaits_style: bool = False
    makes_lines: bool = False
    options: dict[str, Any] | None = None

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """Read what `dataclasses.asdict` and JSON made of one; see `State.from_dict`."""
        values: dict[str, Any] = {**_known(cls, fields), "notes": tuple(fields["notes"])}
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Terms:
    """The settings that a job goes by to its end, as they were at its start.

    Attributes:
        low_priority: whether its nodes may be taken away.
        max_preemptions: how often, before it fails.
        timeout_hours: of one attempt.
        poll_seconds: between two looks at it.
        price: of one node for an hour; None if not known.
        currency: of all amounts.
        max_cost: that it may come to; None for no limit.
    """

    low_priority: bool
    max_preemptions: int
    timeout_hours: float
    poll_seconds: float
    price: float | None
    currency: str
    max_cost: float | None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Take those of the present settings."""
        return cls(
            low_priority=settings.aml_tier == LOW_PRIORITY,
            max_preemptions=settings.max_preemptions,
            timeout_hours=settings.job_timeout_hours,
            poll_seconds=settings.poll_seconds,
            price=settings.price,
            currency=settings.price_currency,
            max_cost=settings.max_cost_per_job,
        )


@dataclass(frozen=True, slots=True)
class State:
    """Everything that the orchestration knows, so that it can continue as new.

    Attributes:
        job: see `Job`.
        work: result of preprocessing; None before.
        attempt: at painting, from 1; 0 before the first is submitted.
        frames_before: frames that were painted before this attempt.
        looks: at this attempt so far.
        still: how many of the last of them found no progress.
        preemptions: attempts that ended because their nodes were taken away.
        changes: attempts that the job ended itself, to go on with more or fewer nodes.
        gave_way: changes to fewer.
        held: nodes that it was given; 0 while it has no attempt, and before version 3.
        since: when it was given them, or began to wait, seconds since the epoch.
        painted: seconds that it has been at work, on however many nodes.
        node_seconds: that nodes have been at work for the job, all of them together.
        left: node-seconds of painting that are left, as last measured; None before.
        spending_day: under which the job's cost is kept; empty before the first attempt.
        started: when the job first asked for its turn, ISO 8601 in UTC; empty under version 1.
        waits_until: when a style that is awaited is overdue, ISO 8601; empty before the wait.
        terms: see `Terms`; None where it was started before there were any.
    """

    job: Job
    work: Work | None = None
    attempt: int = 0
    frames_before: int = 0
    looks: int = 0
    still: int = 0
    preemptions: int = 0
    changes: int = 0
    gave_way: int = 0
    held: int = 0
    since: float = 0.0
    painted: float = 0.0
    node_seconds: float = 0.0
    left: float | None = None
    spending_day: str = ""
    started: str = ""
    waits_until: str = ""
    terms: Terms | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """Read what `to_dict` wrote; what only a later app knows of is left out."""
        work, terms = fields["work"], fields.get("terms")
        values: dict[str, Any] = {
            **_known(cls, fields),
            "job": Job(**fields["job"]),
            "work": work and Work.from_dict(work),
            "terms": terms and Terms(**terms),
        }
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Status:
    """The custom status of a job's instance; stays far below the 16 KB that it may have.

    Attributes:
        stage: see `Stage`.
        done: frames painted.
        total: frames of the video; 0 before they are counted.
        fps: frames painted a second at present.
        eta_s: seconds of painting left, as far as can be told.
        attempt: at painting; changes of nodes are no further ones.
        nodes: that paint.
        gives_way: to how many clips, while it has fewer nodes than it could use.
        message: one sentence for people.
        notes: what the result cannot keep, each a sentence.
        options: how the video is painted, see `Work`; None before that is known.
        code: of the error, for a job that failed.
        cost: None if no price is known.
        studio_url: of the present attempt in Azure Machine Learning Studio.
    """

    stage: Stage
    done: int = 0
    total: int = 0
    fps: float | None = None
    eta_s: float | None = None
    attempt: int = 0
    nodes: int = 0
    gives_way: int = 0
    message: str = ""
    notes: tuple[str, ...] = ()
    options: dict[str, Any] | None = None
    code: Code | None = None
    cost: Cost | None = None
    studio_url: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON that the durable status endpoint shows."""
        fields = dataclasses.asdict(self)
        frames = {"done": fields.pop("done"), "total": fields.pop("total")}
        return {"stage": str(fields.pop("stage")), "frames": frames, **fields}


def _known(kind: type[Work | State], fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that a class has here; a later app may have written others, too."""
    names = {each.name for each in dataclasses.fields(kind)}
    return {name: value for name, value in fields.items() if name in names}
