"""Where everything lies in blob storage, and which names may lie there."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path, PurePosixPath

from function_app.errors import Code, InputError
from gpu_worker.plan import LINES_SUFFIX, Shard

VIDEOS = "videos"

VIDEO_SUFFIXES = (
    *(".264", ".265", ".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".dvr-ms", ".f4v", ".flv"),
    *(".gxf", ".h264", ".h265", ".hevc", ".ivf", ".m1v", ".m2t", ".m2ts", ".m2v", ".m4v"),
    *(".mjpeg", ".mjpg", ".mkv", ".mod", ".mov", ".mp4", ".mpe", ".mpeg", ".mpg", ".mts", ".mxf"),
    *(".ogg", ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".tod", ".ts", ".vob", ".webm", ".wmv"),
    *(".wtv", ".y4m"),
)
"""Endings that videos are known by where nothing is read, as by who picks files out of a folder. A
file with another one is painted as well."""
STYLES = "styles"
RESULTS = "results"
JOBS = "jobs"
SPEND = "spend"

DECLARED = "declared"
TURNS = "turns"
DAYS = "days"
DELETED = "deleted"
STARTED = "started"
SMOKE = "smoke"
ARCHIVE = "archive"
# Folders of `jobs` that are no job's; a job's id ends in a hash.
OWN_FOLDERS = {DECLARED, TURNS, DAYS, DELETED, STARTED, SMOKE, ARCHIVE}
# Blob in `jobs`: until when uploads were held against the task hub.
LOOKED_UNTIL = "looked-until"
# Blob in `jobs`: on which day, of UTC, old instances were purged.
PURGED_ON = "purged-on"

STYLE_SUFFIX = ".safetensors"
SOURCES = json.loads(Path(__file__).parents[1].joinpath("style_sources.json").read_text())
"""What a style is made of, by the endings of its file; infra/events.bicep reads the same table."""
PAINTING_SUFFIXES: tuple[str, ...] = tuple(SOURCES["painting"])
CHECKPOINT_SUFFIXES: tuple[str, ...] = tuple(SOURCES["checkpoint"])
REPORT_SUFFIX = ".error.json"

# A blob's may have 1024 characters; those of the results need a few for themselves.
LONGEST_NAME = 1000

# Halves of surrogate pairs, which JSON may hold, are no characters.
# U+FFFE and U+FFFF cannot stand in XML, which storage lists blobs in.
_FORBIDDEN = re.compile(r"""["`\\\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]""")
_FORBIDDEN_IN_STYLE = re.compile(f"['/]|{_FORBIDDEN.pattern}")
# What file managers, browsers and copying programs leave beside what people mean.
_LITTER = re.compile(
    r"(.*/)?(|\._[^/]*|\.ds_store|thumbs\.db|desktop\.ini"
    r"|[^/]*\.(part|filepart|partial|crdownload|tmp))",
    re.IGNORECASE | re.DOTALL,
)
_PLAIN = re.compile(r"[A-Za-z0-9._/-]+")


@dataclass(frozen=True, slots=True)
class Video:
    """One uploaded video: the blob `videos/{style}/{name}`; a name may have folders of its own."""

    style: str
    name: str

    @property
    def blob(self) -> str:
        """Blob name in `videos`."""
        return f"{self.style}/{self.name}"

    @property
    def is_litter(self) -> bool:
        """Whether nobody means it to be painted: a folder's marker, half a download."""
        return _LITTER.fullmatch(self.name) is not None

    @property
    def has_plain_name(self) -> bool:
        """Whether the name means the same to every shell, URL and file system."""
        return _PLAIN.fullmatch(self.blob) is not None

    @property
    def painted(self) -> str:
        """Blob name in `results` of the painted video."""
        return self.result(".mp4")

    @property
    def lines(self) -> str:
        """Blob name in `results` of the lines of JSON, where frames are described instead."""
        return self.result(LINES_SUFFIX)

    @property
    def poster(self) -> str:
        """Blob name in `results` of one painted frame."""
        return self.result(".jpg")

    @property
    def sheet(self) -> str:
        """Blob name in `results` of a few frames, before and after."""
        return self.result(".sheet.jpg")

    @property
    def report(self) -> str:
        """Blob name in `results` of the report of a failure, where no other video has one."""
        return self.result(".error.json")

    def result(self, suffix: str) -> str:
        """Blob name in `results`, where `suffix` replaces the video's own."""
        return f"{self.style}/{PurePosixPath(self.name).with_suffix('')}{suffix}"

    def results(self, suffix: str) -> Iterator[str]:
        """Blob names in `results`, the best first, of which those of other videos are passed over.

        Of `a.mov`: `a.mp4`, then `a.mov.mp4`, then `a.mov-2.mp4` and so on without end.
        """
        yield self.result(suffix)
        yield f"{self.blob}{suffix}"
        yield from (f"{self.blob}-{number}{suffix}" for number in count(2))

    def numbered(self, number: int) -> Video:
        """Return the video under the name that it gets where others have its own.

        `a-2.mp4` of `a.mp4` for 2; the video itself for 1.
        """
        path = PurePosixPath(self.name)
        if number == 1 or not path.name:
            return self
        return replace(self, name=str(path.with_name(f"{path.stem}-{number}{path.suffix}")))

    @property
    def declaration(self) -> str:
        """Blob name in `jobs` of what was declared for the upload."""
        return f"{DECLARED}/{hashlib.sha256(self.blob.encode()).hexdigest()}"

    def check(self) -> None:
        """Refuse names that would be misread where they are downloaded, quoted or linked.

        Raises:
            InputError: the name holds double quotes, backticks, backslashes or control characters,
                climbs, or is too long.
        """
        if len(self.blob) > LONGEST_NAME:
            raise InputError(
                f"the name that begins with {self.name[:20]!r} is too long: "
                f"rename the video so that it has at most {LONGEST_NAME} characters",
                Code.BAD_NAME,
            )
        if found := _FORBIDDEN.search(self.blob):
            raise InputError(
                f"the name {self.name!r} holds the character {found[0]!r}: "
                "rename the video without double quotes, backslashes and control characters",
                Code.BAD_NAME,
            )
        if self.name and self.is_litter and not self.name.endswith("/"):
            raise InputError(f"{self.name} is no video: leave it out", Code.NOT_A_VIDEO)
        if any(part in {"", ".", ".."} for part in self.blob.split("/")):
            raise InputError(
                f"the name {self.name!r} is no plain path: "
                "rename the video so that no part of its path is empty, '.' or '..'",
                Code.BAD_NAME,
            )


def beside(result: str, suffix: str) -> str:
    """Blob name in `results` of what lies beside a result, under its name with another suffix."""
    return f"{result.rpartition('.')[0]}{suffix}"


def names_style(name: str) -> bool:
    """Whether a style may have the name; storage cannot even be asked for some that it may not."""
    return not (_FORBIDDEN_IN_STYLE.search(name) or name in {"", ".", ".."})


def style(name: str) -> str:
    """Blob name in `styles` of a style's network."""
    return f"{name}{STYLE_SUFFIX}"


def deleted(job_id: str) -> str:
    """Blob name in `jobs` of the note that a job was deleted."""
    return f"{DELETED}/{job_id}"


def place(job_id: str, started: str) -> str:
    """Blob name in `jobs` of a job's place; it first asked for one when it `started`."""
    return f"{TURNS}/{started}-{job_id}"


def archived(job_id: str) -> str:
    """Blob name in `jobs` of what was known of a job before it was purged."""
    return f"{ARCHIVE}/{job_id}.json"


@dataclass(frozen=True, slots=True)
class StyleSource:
    """What a style is made of: the blob `styles/{name}{suffix}`, a painting or a checkpoint."""

    blob: str

    @property
    def suffix(self) -> str:
        """Ending of the blob's name, in lower case."""
        _, dot, ending = self.blob.rpartition(".")
        return (dot + ending).lower() if dot else ""

    @property
    def style(self) -> str:
        """Name of the style."""
        return self.blob[: -len(self.suffix)] if self.suffix else self.blob

    @property
    def is_painting(self) -> bool:
        """Whether a style is to be learnt from it."""
        return self.suffix in PAINTING_SUFFIXES

    @property
    def is_checkpoint(self) -> bool:
        """Whether it is a network already, which is to be converted."""
        return self.suffix in CHECKPOINT_SUFFIXES

    @property
    def report(self) -> str:
        """Blob name in `styles` of the sentence about its failure."""
        return f"{self.style}{REPORT_SUFFIX}"

    def check(self) -> None:
        """Refuse names that no folder of videos can have.

        Raises:
            InputError: the name holds a slash, quotes, backslashes or control characters.
        """
        if found := _FORBIDDEN_IN_STYLE.search(self.style):
            raise InputError(
                f"the name {self.style!r} holds the character {found[0]!r}: "
                "choose a name without slashes, quotes, backslashes and control characters",
                Code.BAD_NAME,
            )
        if self.style in {"", ".", ".."}:
            message = f"{self.style!r} is no name for a style: choose another"
            raise InputError(message, Code.BAD_NAME)


@dataclass(frozen=True, slots=True)
class JobFolder:
    """The blob names of one job in `jobs`."""

    job_id: str

    @property
    def root(self) -> str:
        """Prefix of everything below."""
        return f"{self.job_id}/"

    @property
    def plan(self) -> str:
        """The plan."""
        return f"{self.job_id}/plan.json"

    @property
    def sidecar(self) -> str:
        """Chapters and metadata."""
        return f"{self.job_id}/sidecar.json"

    def extra(self, name: str) -> str:
        """A file of what is kept beside the picture: a track, an attachment."""
        return f"{self.job_id}/{name}"

    def source(self, suffix: str) -> str:
        """The video under a plain name, where the worker cannot read the upload itself."""
        return f"{self.job_id}/source{suffix}"

    @property
    def draft(self) -> str:
        """The result while it is not proved yet."""
        return f"{self.job_id}/draft"

    @property
    def work(self) -> str:
        """Prefix of the worker's output folder."""
        return f"{self.job_id}/work/"

    def output(self, name: str) -> str:
        """A file that the worker left."""
        return f"{self.work}{name}"

    def shard(self, shard: Shard) -> str:
        """A painted shard."""
        return self.output(shard.name)
