"""Everything that the app raises on purpose, by whose fault it is.

AtelierError
├── SettingsError      a setting is missing or unusable: the app does not start
├── InputError         the video's or the style's fault: final, never tried again
├── ServiceError       a service, a tool or the machine failed: worth another attempt
└── RequestError       an HTTP request that cannot be answered as asked
"""

from http import HTTPStatus


class AtelierError(Exception):
    """The message is one sentence for people: what is wrong with what, and what to do."""


class SettingsError(AtelierError):
    """A setting is missing or unusable; the sentence names the environment variable."""


class InputError(AtelierError):
    """The input cannot be used as it is; trying again would change nothing."""


class ServiceError(AtelierError):
    """The world failed, not the input; the same work may well succeed on another attempt."""


class RequestError(AtelierError):
    """A request to the HTTP API that cannot be answered as asked.

    Attributes:
        status: the HTTP status to answer with.
        code: a stable name of the error, for programs.
    """

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        """Keep what the answer needs."""
        super().__init__(message)
        self.status = status
        self.code = code
