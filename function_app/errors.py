"""Everything that the app raises on purpose, by whose fault it is; the codes of what went wrong.

AtelierError
├── SettingsError      a setting is missing or unusable: the app does not start
├── InputError         the video's or the style's fault: final, never tried again
├── ServiceError       a service, a tool or the machine failed: worth another attempt
└── RequestError       an HTTP request that cannot be answered as asked
"""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus
from typing import Self


class Code(StrEnum):
    """Stable names of what can go wrong, for programs; docs/troubleshooting.md has a row for each.

    Attributes:
        action: what to do about errors of this code, one sentence for people.
    """

    action: str

    def __new__(cls, code: str, action: str) -> Self:
        """Make a member that is its code."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.action = action
        return member

    # The video
    BAD_NAME = "bad-name", "Rename the file and upload it again."
    UNKNOWN_STYLE = "unknown-style", "Choose one of the styles that there are, or add it first."
    BAD_OPTION = "bad-option", "Upload the video again, with another value or without the option."
    TOO_MANY_JOBS = "too-many-jobs", "Upload the video again tomorrow, or raise JOBS_PER_DAY."
    REPLACED = "replaced", "Follow the job of the newer upload, or upload the video again."
    EMPTY_VIDEO = "empty-video", "Upload the file again; its first upload may have been cut off."
    TOO_LARGE = "too-large", "Encode the video smaller, cut it into parts, or raise MAX_BYTES."
    TOO_LONG = "too-long", "Cut the video into parts, or raise MAX_MINUTES and MAX_FRAMES."
    TOO_MANY_PIXELS = "too-many-pixels", "Scale the video down, or raise MAX_PIXELS."
    TOO_EXPENSIVE = (
        "too-expensive",
        "Cut the video into parts or scale it down, or raise MAX_COST_PER_JOB.",
    )
    NOT_A_VIDEO = "not-a-video", "Upload a video in MP4, MOV, Matroska, WebM or AVI."
    NO_VIDEO_TRACK = "no-video-track", "Upload a file that holds moving pictures."
    UNKNOWN_CODEC = "unknown-codec", "Convert the video to H.264 in MP4."
    DAMAGED_VIDEO = "damaged-video", "Upload a copy that plays to its end."
    ENCRYPTED_VIDEO = "encrypted-video", "Upload a copy without copy protection (DRM)."
    EXHAUSTING_VIDEO = "exhausting-video", "Convert the video to H.264 in MP4."
    BAD_TIMESTAMPS = "bad-timestamps", "Convert the video to MP4, which gives each frame its time."
    UNPAINTABLE_VIDEO = "unpaintable-video", "Do what the sentence says and upload the video again."
    UNUSABLE_STYLE = "unusable-style", "Learn the style again, or upload a working checkpoint."

    UNUSABLE_PAINTING = "unusable-painting", "Upload a JPEG or PNG of one painting, in full size."

    # The world
    SERVICE_FAILED = "service-failed", "Upload the video again; if that fails too, see the logs."
    PAINTING_FAILED = "painting-failed", "See the painting job's logs, then upload the video again."
    NO_GPU = (
        "no-gpu",
        "Build the worker's image for the nodes' driver (docs/operations.md), then upload again.",
    )
    BAD_RESULT = "bad-result", "Report it: the app wrote a wrong result, and would write it again."

    # The request
    BAD_REQUEST = "bad-request", "Put that right and ask again."
    TOO_MANY_REQUESTS = "too-many-requests", "Wait as long as Retry-After says, then ask again."
    CROSS_SITE = "cross-site", "Ask from the app's own page, or from a program that is no browser."
    UNAVAILABLE = "unavailable", "Ask again in a minute; if that fails too, see the logs."
    NO_ROUTE = "no-route", "Ask for one of those that /api/openapi.json lists."
    NO_JOB = "no-job", "List the jobs that there are."
    JOB_ENDED = "job-ended", "Nothing is left to be done; delete the job if it is not wanted."
    JOB_RUNNING = "job-running", "Cancel the job first, and delete it when it has ended."
    NO_RESULT = "no-result", "Wait until the job is completed."
    RESULT_GONE = "result-gone", "Upload the video again to have it painted anew."
    NO_PICTURE = "no-picture", "Ask again in a while; pictures come as the job goes on."
    NO_STYLE = "no-style", "List the styles that there are."
    STYLE_EXISTS = "style-exists", "Choose another name, or say that it is to be replaced."
    SHIPPED_STYLE = "shipped-style", "Choose another name."
    NO_SOURCE = "no-source", "Upload the video again; the uploaded file was deleted."


WORLD = frozenset({Code.SERVICE_FAILED, Code.PAINTING_FAILED, Code.NO_GPU, Code.BAD_RESULT})
"""Of a job's failures those that are not the input's fault."""


class AtelierError(Exception):
    """The message is one sentence for people: what is wrong with what.

    That of an InputError goes on with what to do; for others that is the action of the code.
    """


class SettingsError(AtelierError):
    """A setting is missing or unusable; the sentence names the environment variable."""


class InputError(AtelierError):
    """The input cannot be used as it is; trying again would change nothing."""

    def __init__(self, message: str, code: Code = Code.UNPAINTABLE_VIDEO) -> None:
        """Keep the code beside the sentence."""
        super().__init__(message)
        self.code = code


class ServiceError(AtelierError):
    """The world failed, not the input; the same work may well succeed on another attempt."""

    def __init__(self, message: str, code: Code = Code.SERVICE_FAILED) -> None:
        """Keep the code beside the sentence."""
        super().__init__(message)
        self.code = code


class RequestError(AtelierError):
    """A request to the HTTP API that cannot be answered as asked."""

    def __init__(self, status: HTTPStatus, code: Code, message: str) -> None:
        """Keep what the answer needs."""
        super().__init__(message)
        self.status = status
        self.code = code
