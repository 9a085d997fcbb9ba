"""The functions of a function app, as the Functions host sees them."""

import asyncio
import importlib
import inspect
import os
import re
import sys
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import azure.functions as func
from azure.functions.decorators.core import Trigger

THREADS = 32
"""Functions that run at the same time, at most."""

_SETTING = re.compile("%([^%]+)%")


@dataclass(frozen=True, slots=True)
class Function:
    """One function with its trigger and its other bindings.

    Attributes:
        name: Name of the function, unique in the app.
        call: The user's function as the app's decorators left it.
        trigger: What starts it.
        clients: Names of the parameters that take a durable client.
    """

    name: str
    call: Callable[..., Any]
    trigger: Trigger
    clients: tuple[str, ...]

    @classmethod
    def of(cls, indexed: Any) -> Self:
        """Read a function that `azure.functions` has indexed."""
        return cls(
            name=indexed.get_function_name(),
            call=indexed.get_user_function(),
            trigger=indexed.get_trigger(),
            clients=tuple(
                binding.name
                for binding in indexed.get_bindings()
                if binding.get_binding_name() == "durableClient"
            ),
        )

    @property
    def trigger_type(self) -> str:
        """Type of the trigger in function.json, such as `httpTrigger`."""
        return self.trigger.get_binding_name()

    @property
    def parameter_type(self) -> Any:
        """Annotation of the parameter that takes the trigger's value."""
        return typing.get_type_hints(self.call).get(self.trigger.name)

    async def invoke(self, value: object, durable_client: str) -> Any:
        """Call the function, one that is not a coroutine in a thread of its own.

        Args:
            value: What the trigger passes.
            durable_client: Configuration that a durable client is made from.
        """
        arguments = {self.trigger.name: value} | dict.fromkeys(self.clients, durable_client)
        if inspect.iscoroutinefunction(self.call):
            return await self.call(**arguments)
        return await asyncio.to_thread(self.call, **arguments)


def load_functions(module: str, root: Path) -> list[Function]:
    """Import `module` from `root` and return the functions of the app that it exposes.

    Raises:
        ValueError: The module exposes no function app, or several.
    """
    sys.path.insert(0, str(root))
    exposed = vars(importlib.import_module(module)).values()
    apps = [value for value in exposed if isinstance(value, func.FunctionRegister)]
    if len(apps) != 1:
        raise ValueError(f"{module}.py exposes {len(apps)} function apps; there must be one.")
    return [Function.of(indexed) for indexed in apps[0].get_functions()]


def resolve(text: str, settings: Mapping[str, str] = os.environ) -> str:
    """Replace each `%NAME%` by the app setting NAME.

    Raises:
        KeyError: There is no such setting.
    """
    return _SETTING.sub(lambda match: settings[match[1]], text)
