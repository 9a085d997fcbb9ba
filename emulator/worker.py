"""The Python worker of Azure Functions: its own library, and the host's side of the wire to it.

The real host and worker are two processes that exchange protobuf messages; here both are one, and
records of the same names and fields serve as messages.
https://github.com/Azure/azure-functions-language-worker-protobuf
"""

from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as library
from azure_functions_runtime.utils import threadpool

from emulator.config import HOST


class Message:
    """A message with the fields that it was given; `WhichOneof` names the one that is set."""

    def __init__(self, **fields: Any) -> None:
        """Set fields."""
        self.__dict__.update(fields)

    def __getattr__(self, name: str) -> Any:
        """Say that a field was not set."""
        raise AttributeError(name)

    def WhichOneof(self, _: str) -> str | None:  # noqa: N802 (protobuf's own name)
        """Return the name of the field that is set."""
        return next((name for name in self.__dict__ if name != "name"), None)


class StatusResult(Message):
    """Whether a request was done."""

    Failure, Success = "failure", "success"


class _BindingInfo(Message):
    undefined, out, inout = 0, 1, 2


_MESSAGES = (
    "FunctionMetadataResponse",
    "InvocationResponse",
    "NullableBool",
    "NullableDouble",
    "NullableString",
    "NullableTimestamp",
    "ParameterBinding",
    "RpcException",
    "RpcFunctionMetadata",
    "RpcHttp",
    "RpcHttpCookie",
    "RpcRetryOptions",
    "TypedData",
    "WorkerInitResponse",
    "WorkerMetadata",
)
PROTOS = SimpleNamespace(
    StatusResult=StatusResult,
    BindingInfo=_BindingInfo,
    **{name: type(name, (Message,), {}) for name in _MESSAGES},
)


async def load(folder: str) -> Any:
    """Have the app of a folder imported and indexed; return the answer, successful or not."""
    threadpool.start_threadpool_executor()
    init = Message(capabilities={}, function_app_directory=folder)
    return await _send(library.worker_init_request, worker_init_request=init)


async def metadata() -> list[Any]:
    """Return what is known of each function; nothing where there is no app."""
    answer = await _send(library.functions_metadata_request, functions_metadata_request=None)
    return answer.function_metadata_results or []


async def invoke(request: Message) -> Any:
    """Have a function called; return the answer, whether it succeeded or not."""
    return await _send(library.invocation_request, invocation_request=request)


async def _send(handle: Any, **request: Message | None) -> Any:
    properties = {"host": HOST, "protos": PROTOS}
    return await handle(Message(request=Message(**request), properties=properties))
