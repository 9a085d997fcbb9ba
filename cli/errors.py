"""What ends the command early, and the exit status that each gives.

CommandError
├── NotPaintedError     a job failed or was cancelled: 1
├── ChangedError        a file is another than when it was chosen: 1
├── RefusedError        the API refuses: 3
└── UnreachableError    the deployment, or its storage, does not answer or lets nobody in: 4
"""

from __future__ import annotations


class CommandError(Exception):
    """The message is one sentence for people, with what to do.

    Attributes:
        status: exit status of the command.
        code: a stable name of what is wrong, where the API gave one.
    """

    status = 1

    def __init__(self, message: str, code: str | None = None) -> None:
        """Keep the code beside the sentence."""
        super().__init__(message)
        self.code = code

    @property
    def sentence(self) -> str:
        """What people read: the message, and the code to look it up by."""
        return f"{self} ({self.code})" if self.code else str(self)


class NotPaintedError(CommandError):
    """A job failed or was cancelled."""


class ChangedError(CommandError):
    """A file changed while it was uploaded, so nothing came of it."""


class RefusedError(CommandError):
    """The API refuses the request; the message is its own sentence."""

    status = 3


class UnreachableError(CommandError):
    """The deployment does not answer, or does not let us in."""

    status = 4
