"""The styles that there are: what their files say, and how those stand that are being made.

A style is the blob `styles/{name}.safetensors`. It is made of a source beside it, a painting or a
checkpoint, by a job; the id of the job is in the metadata of the style or, if it failed, of the
report `styles/{name}.error.json`. A source that neither speaks of is still being worked on. So the
container alone tells how each style stands, to everyone and after any restart.
"""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobProperties

from function_app.errors import Code, InputError
from function_app.store import paths, storage
from function_app.store.jobs import Job
from function_app.store.paths import StyleSource
from function_app.store.results import JOB_ID

# The file begins with the length of its header, eight bytes, and the header: JSON.
# https://github.com/huggingface/safetensors#format
_LENGTH = struct.Struct("<Q")
_FIRST_READ = 2**16
_LONGEST_HEADER = 2**24
_CACHED = 256

SHIPPED = frozenset({"composition_vii", "great_wave", "identity", "scream", "starry_night"})
"""Styles that Atelier comes with. None but a new version of it may replace them: whatever else
takes their names is gone with the next start."""


class State(StrEnum):
    """How a style stands."""

    READY = "ready"
    LEARNING = "learning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Style:
    """A style, or what is to become one.

    Attributes:
        name: folder for the videos to be painted in it.
        state: see `State`.
        metadata: strings that the file carries (gpu_worker/styles/model.py); empty without one.
        message: why it, or the last try at making it anew, failed, a sentence; else empty.
        job_id: of the job that makes it, while it does.
    """

    name: str
    state: State
    metadata: Mapping[str, str]
    message: str = ""
    job_id: str | None = None

    @property
    def makes_lines(self) -> bool:
        """Whether lines of JSON come of a video, one a frame, instead of a painted video."""
        return "scorer" in self.metadata

    @property
    def paints(self) -> bool:
        """Whether videos look otherwise than before, and come out as videos."""
        return not self.makes_lines and self.flop_per_pixel != 0

    @property
    def flop_per_pixel(self) -> float | None:
        """Floating point operations for one pixel, as the file says; None where it does not."""
        try:
            return float(self.metadata["flop_per_pixel"])
        except (KeyError, ValueError):
            return None


def all_styles() -> list[Style]:
    """Return every style, by name."""
    found: dict[str, list[BlobProperties]] = {}
    for blob in _blobs(""):
        found.setdefault(_style_of(blob), []).append(blob)
    styles = (_style(name, blobs) for name, blobs in sorted(found.items()))
    return [style for style in styles if style is not None]


def others(name: str) -> list[Style]:
    """Return the other styles that paint, where that one does; those that Atelier comes with first.

    Neither what leaves videos as they are paints, nor what makes lines of them.
    """
    there = all_styles()
    if any(style.name == name and style.makes_lines for style in there):
        return []
    painting = (style for style in there if style.state is State.READY and style.paints)
    return sorted(
        (style for style in painting if style.name != name),
        key=lambda style: (not is_shipped(style.name), style.name),
    )


def find(name: str) -> Style | None:
    """Return the style of that name, or None where there is nothing of it."""
    return _style(name, _blobs_of(name)) if paths.names_style(name) else None


def is_shipped(name: str) -> bool:
    """Whether a name is that of a style that Atelier comes with, in whatever case."""
    return name.casefold() in SHIPPED


def check_name(name: str) -> None:
    """Refuse to make a style of a name that is taken for good.

    Raises:
        InputError: it is.
    """
    if is_shipped(name):
        message = f"{name} is a style that Atelier comes with: choose another name"
        raise InputError(message, Code.SHIPPED_STYLE)


def has_source(name: str, md5: str) -> bool:
    """Whether a style is made, or being made, of a file with that MD5, which is in base64."""
    newest = _newest_source(_blobs_of(name))
    there = newest.content_settings.content_md5 if newest else None
    return there is not None and base64.b64encode(there).decode() == md5


def forget(name: str) -> None:
    """Delete a style, what it was made of and what was said about it.

    Raises:
        InputError: Atelier comes with it.
    """
    if is_shipped(name):
        raise InputError(f"{name} comes with Atelier and stays", Code.SHIPPED_STYLE)
    # What it is made of goes first: without, a job that makes it publishes nothing.
    for blob in sorted(_blobs_of(name), key=lambda blob: not is_source(blob.name)):
        storage.delete(paths.STYLES, blob.name)


def usable(name: str) -> Style:
    """Return a style that is ready, or that is being made.

    Raises:
        InputError: there is none, or it cannot be used.
    """
    style = find(name)
    if style is None:
        raise InputError(f"there is no style {name!r}: {_meant(name)}", Code.UNKNOWN_STYLE)
    if style.state is State.FAILED:
        message = f"the style {name!r} cannot be used: {style.message}"
        raise InputError(message, Code.UNUSABLE_STYLE)
    return style


def _meant(name: str) -> str:
    """Say which style was meant, or which there are."""
    known = [style.name for style in all_styles() if style.state is not State.FAILED]
    plain = {_plain(each): each for each in known}
    meant = [plain[each] for each in get_close_matches(_plain(name), plain, n=1)]
    if not known:
        return "learn a painting first"
    guess = f"did you mean {meant[0]!r}? There are " if meant else "choose one of "
    return guess + ", ".join(known)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def is_current(job: Job) -> bool:
    """Whether a job makes its style of what is to be made a style now, not of an older upload."""
    source = _newest_source(_blobs_of(job.style))
    return source is not None and _job_of(source).job_id == job.job_id


def metadata_of(blob_name: str, container_name: str = paths.STYLES) -> Mapping[str, str]:
    """Return the metadata strings in a style's file.

    Raises:
        InputError: it is no style, or not whole.
    """
    try:
        blob = storage.blob(container_name, blob_name).get_blob_properties()
    except ResourceNotFoundError as error:
        raise InputError(f"there is no style {blob_name}", Code.UNKNOWN_STYLE) from error
    return _metadata(container_name, blob_name, str(blob.etag), blob.size)


def _blobs(prefix: str) -> Iterator[BlobProperties]:
    container = storage.container(paths.STYLES)
    return (
        blob
        for blob in container.list_blobs(name_starts_with=prefix, include=["metadata"])
        if "/" not in blob.name
    )


def _blobs_of(name: str) -> list[BlobProperties]:
    return [blob for blob in _blobs(f"{name}.") if _style_of(blob) == name]


def _style_of(blob: BlobProperties) -> str:
    name: str = blob.name
    if name.endswith(paths.REPORT_SUFFIX):
        return name.removesuffix(paths.REPORT_SUFFIX)
    return StyleSource(name).style


def _style(name: str, blobs: Iterable[BlobProperties]) -> Style | None:
    """Tell how a style stands from the blobs of its name."""
    by_name = {blob.name: blob for blob in blobs}
    file = by_name.get(paths.style(name))
    report = by_name.get(f"{name}{paths.REPORT_SUFFIX}")
    source = _newest_source(by_name.values())
    job = _job_of(source) if source else None
    outdated = source and file and not _job_id(file) and file.last_modified > source.last_modified
    settled = outdated or (file and is_shipped(name))
    if job and not settled and job.job_id not in {_job_id(file), _job_id(report)}:
        return Style(name, State.LEARNING, _lenient_metadata(file), job_id=job.job_id)
    failed = job and job.job_id == _job_id(report)
    message = _reported(name) if failed else ""
    if file:
        style = _made(name, file)
        return replace(style, message=style.message or message)
    return Style(name, State.FAILED, {}, message) if failed else None


def _newest_source(blobs: Iterable[BlobProperties]) -> BlobProperties | None:
    sources = [blob for blob in blobs if is_source(blob.name)]
    return max(sources, key=lambda blob: (blob.last_modified, blob.name), default=None)


def _job_of(source: BlobProperties) -> Job:
    return Job.of_style(source.name, str(source.etag))


def is_source(blob_name: str) -> bool:
    """Whether a style is to be made of a blob in `styles`."""
    source = StyleSource(blob_name)
    return source.is_painting or source.is_checkpoint


def _job_id(blob: BlobProperties | None) -> str | None:
    return (blob.metadata or {}).get(JOB_ID) if blob else None


def _made(name: str, file: BlobProperties) -> Style:
    try:
        metadata = _metadata(paths.STYLES, file.name, str(file.etag), file.size)
    except InputError as error:
        return Style(name, State.FAILED, {}, str(error))
    return Style(name, State.READY, metadata)


def _lenient_metadata(file: BlobProperties | None) -> Mapping[str, str]:
    return _made("", file).metadata if file else {}


def _reported(name: str) -> str:
    content = storage.read(paths.STYLES, f"{name}{paths.REPORT_SUFFIX}")
    report: dict[str, Any] = json.loads(content) if content else {}
    return str(report.get("error", ""))


@lru_cache(_CACHED)
def _metadata(container_name: str, blob_name: str, etag: str, size: int) -> Mapping[str, str]:
    """Read the header of one version of a file, and prove that the rest is as long as it says."""
    del etag  # a part of what is remembered, no more
    if size < _LENGTH.size:
        raise _damaged(blob_name)
    blob = storage.blob(container_name, blob_name)
    try:
        head = blob.download_blob(0, _FIRST_READ).readall()
        length = _header_length(head)
        if len(head) < length:
            head += blob.download_blob(len(head), length - len(head)).readall()
        header: dict[str, Any] = json.loads(head[_LENGTH.size : length])
        metadata: dict[str, str] = header.pop("__metadata__")
        ends = (entry["data_offsets"][1] for entry in header.values())
        whole = length + max(ends, default=0) == size
    except (AttributeError, KeyError, TypeError, ValueError, struct.error) as error:
        raise _damaged(blob_name) from error
    if not whole:
        raise _damaged(blob_name)
    return metadata


def _header_length(head: bytes) -> int:
    """Return where the header ends."""
    (length,) = _LENGTH.unpack_from(head)
    if length > _LONGEST_HEADER:
        raise ValueError("no header is that long")
    return _LENGTH.size + length


def _damaged(blob_name: str) -> InputError:
    return InputError(
        f"the style {blob_name} is damaged or not a .safetensors file: upload it again",
        Code.UNUSABLE_STYLE,
    )
