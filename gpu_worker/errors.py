"""Everything that goes wrong in the worker, by whose fault it is.

WorkerError
├── InputError     the video's or the style's fault: final, trying again would change nothing
└── ToolError      a tool or the machine failed: worth another attempt
    └── NoGpuError the node has no GPU that works, as will no other node of its kind
"""


class WorkerError(Exception):
    """What the worker raises on purpose; the message is one sentence for people."""


class InputError(WorkerError):
    """The video or the style cannot be used as it is; the sentence says why and what to do."""

    code = "unpaintable-video"


class ToolError(WorkerError):
    """A tool (ffmpeg, the disk, the device) failed on input that may well be good."""


class NoGpuError(ToolError):
    """The node should have a GPU that PyTorch can use; the sentence says what it has."""

    code = "no-gpu"
