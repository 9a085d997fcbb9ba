"""Everything of a video but the picture: sound, subtitles, attachments, chapters, metadata.

Each track is written to a file of its own, as the result will hold it. Chapters and metadata
travel beside the files as JSON.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self, cast

from av.container import InputContainer
from av.stream import Disposition

from function_app.media.captions import LINE_21, CaptionTrack
from function_app.media.tracks import OpenTrack, Track, codec_name
from function_app.options.container import Container
from function_app.store.streams import BlobWriter

KEPT = {"audio", "subtitle"}
"""Kinds of streams that are kept beside the picture."""
COVER = Disposition.attached_pic | Disposition.still_image
"""What a video track is marked by that is a picture of the whole, no moving one."""
MOST_TRACKS = 64
"""Tracks that are kept of one video: each takes memory until all are written."""
TRACK_HEAD = 2**16
"""Bytes at the start of a track's file that its muxer may write again."""

# Of a version that kept all tracks in one file.
_ALL_TRACKS = "extras.mp4"


@dataclass(frozen=True, slots=True)
class Chapter:
    """A named part of a video, in seconds from its zero."""

    start: float
    end: float
    title: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file within a video: a font, a picture.

    Attributes:
        name: of the file.
        media_type: of its content.
        file: name of the blob in the job's folder that holds it.
    """

    name: str
    media_type: str
    file: str


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What has no packets, and the names of the files of what has.

    Attributes:
        chapters: in order.
        metadata: the container's own: title, date and the like.
        tracks: files of the tracks of sound and subtitles in the job's folder, in order.
        defaults: those of them that the source plays unasked; None where that was not looked at. An
            MP4 of one track alone would have that one play.
        attachments: that the result is to have, covers among them.
        container: of the result.
    """

    chapters: tuple[Chapter, ...] = ()
    metadata: dict[str, str] = dataclasses.field(default_factory=dict[str, str])
    tracks: tuple[str, ...] = ()
    defaults: tuple[str, ...] | None = None
    attachments: tuple[Attachment, ...] = ()
    container: Container = Container.MP4

    def to_json(self) -> str:
        """Write as one JSON document."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote; in the first version the tracks were a number."""
        fields: dict[str, Any] = json.loads(text)
        tracks = fields["tracks"]
        if isinstance(tracks, int):
            tracks = [_ALL_TRACKS] if tracks else []
        return cls(
            chapters=tuple(Chapter(**chapter) for chapter in fields["chapters"]),
            metadata=fields["metadata"],
            tracks=tuple(tracks),
            defaults=None if fields.get("defaults") is None else tuple(fields["defaults"]),
            attachments=tuple(Attachment(**each) for each in fields.get("attachments", ())),
            container=Container(fields.get("container", Container.MP4)),
        )


def chapters_of(container: InputContainer) -> tuple[Chapter, ...]:
    """Return the chapters of a container."""
    return tuple(
        Chapter(
            float(chapter["start"] * cast("Fraction", chapter["time_base"])),
            float(chapter["end"] * cast("Fraction", chapter["time_base"])),
            chapter["metadata"].get("title", ""),
        )
        for chapter in container.chapters()
    )


def metadata_of(container: InputContainer) -> dict[str, str]:
    """Return what a container says of its content, without what it says of itself."""
    of_itself = {"major_brand", "minor_version", "compatible_brands", "encoder"}
    return {key: value for key, value in container.metadata.items() if key.lower() not in of_itself}


class ExtrasWriter:
    """Writes the tracks of one container beside the picture, each to a file of its own.

    Args:
        source: the container whose tracks are to be kept.
        container: of the result.
        open_track: gives the writer of a track's file by its name.
        foreign: indices of tracks that do not belong to the picture.

    Attributes:
        sinks: for each stream index that may be kept, what takes its packets.
        notes: a sentence for each track that is not kept or not kept as it is, after `close`.
        defaults: files of the tracks that the source plays unasked.
    """

    def __init__(
        self,
        source: InputContainer,
        container: Container,
        open_track: OpenTrack,
        foreign: Collection[int] = (),
    ) -> None:
        """Write nothing yet: how a track is kept, its first packet tells."""
        streams = [
            stream
            for stream in source.streams
            if stream.type in KEPT and stream.index not in foreign
        ]
        self.notes: list[str] = []
        self.defaults: tuple[str, ...] = ()
        self.sinks: dict[int, Track | CaptionTrack] = {}
        self._writers: dict[str, tuple[Track | CaptionTrack, BlobWriter]] = {}
        for stream in streams[:MOST_TRACKS]:
            name = f"track-{stream.index:03}{container.suffix}"
            writer = open_track(name)
            kind = CaptionTrack if codec_name(stream) == LINE_21 else Track
            self.sinks[stream.index] = kind(stream, container, writer)
            self._writers[name] = self.sinks[stream.index], writer
            if stream.disposition & Disposition.default:
                self.defaults += (name,)
        if (more := len(streams) - MOST_TRACKS) > 0:
            self.notes.append(f"{more} tracks are more than the {MOST_TRACKS} kept: left out")

    def close(self) -> tuple[str, ...]:
        """Finish and commit the files; return the names of those that there are."""
        kept: list[str] = []
        for name, (track, writer) in self._writers.items():
            if track.close():
                writer.commit()
                kept.append(name)
            self.notes += track.notes
        return tuple(kept)
