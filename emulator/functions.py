"""The functions of a function app, as the Functions host sees them: loaded by the real worker."""

import asyncio
import json
import os
import re
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulator import worker
from emulator.worker import Message, StatusResult

_SETTING = re.compile("%([^%]+)%")


class FunctionError(Exception):
    """A function raised an exception, or there is no such function.

    Attributes:
        kind: Name of the exception's class, without its module: the worker tells no more.
        message: What the exception says.
        trace: Its stack trace.
    """

    def __init__(self, function: str, kind: str, message: str, trace: str = "") -> None:
        """Describe the failure of a function."""
        super().__init__(f"{function} failed: {kind}: {message}\n{trace}".rstrip())
        self.kind, self.message, self.trace = kind, message, trace


@dataclass(frozen=True, slots=True)
class Function:
    """One function with its bindings.

    Attributes:
        name: Name of the function, unique in the app.
        id: By which the worker knows it.
        bindings: Each as function.json would have it.
    """

    name: str
    id: str
    bindings: tuple[Mapping[str, Any], ...]

    @property
    def trigger(self) -> Mapping[str, Any]:
        """The binding that starts the function."""
        return next(each for each in self.bindings if each["type"].endswith("Trigger"))

    @property
    def trigger_type(self) -> str:
        """Type of the trigger in function.json, such as `httpTrigger`."""
        return self.trigger["type"]

    async def invoke(self, value: Message, durable_client: str, trace: str = "") -> Any:
        """Have the worker call the function.

        Args:
            value: What the trigger passes, as a `TypedData`.
            durable_client: Configuration that a durable client is made from.
            trace: `traceparent` of the trace that the call belongs to.

        Returns:
            What the function returned, as a `TypedData`; None for None.

        Raises:
            FunctionError: It raised an exception.
        """
        inputs = {self.trigger["name"]: value}
        for binding in self.bindings:
            if binding["type"] == "durableClient":
                inputs[binding["name"]] = Message(string=durable_client)
        request = Message(
            invocation_id=str(uuid.uuid4()),
            function_id=self.id,
            input_data=[Message(name=name, data=data) for name, data in inputs.items()],
            trigger_metadata={},
            trace_context=Message(trace_parent=trace, trace_state="", attributes={}),
            retry_context=Message(retry_count=0, max_retry_count=0, exception=None),
        )
        # In a task of its own, for the worker attaches the trace to the context that it runs in.
        response = await asyncio.create_task(worker.invoke(request))
        if response.result.status != StatusResult.Success:
            raised = response.result.exception
            kind, _, message = raised.message.partition(": ")
            raise FunctionError(self.name, kind, message, raised.stack_trace)
        return response.return_value


def load_functions(module: str, root: Path) -> list[Function]:
    """Have the worker import `module` from `root` and index the app that it exposes.

    Raises:
        ValueError: The real worker would load no function at all; the message says why.
    """
    os.environ["PYTHON_SCRIPT_FILE_NAME"] = f"{module}.py"
    sys.path.insert(0, str(root))
    started = asyncio.run(worker.load(str(root)))
    if started.result.status != StatusResult.Success:
        raise ValueError(f"{module}.py cannot be loaded: {started.result.exception.message}")
    functions = [
        Function(each.name, each.function_id, tuple(map(json.loads, each.raw_bindings)))
        for each in asyncio.run(worker.metadata())
    ]
    if not functions:
        raise ValueError(f"There is no {module}.py with functions in {root}.")
    return functions


def resolve(text: str, settings: Mapping[str, str] = os.environ) -> str:
    """Replace each `%NAME%` by the app setting NAME.

    Raises:
        KeyError: There is no such setting.
    """
    return _SETTING.sub(lambda match: settings[match[1]], text)
