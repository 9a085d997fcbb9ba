"""JSON that may be anything, read as what it should be."""

import json
from typing import Any


class PlanError(ValueError):
    """A plan that cannot be read, or that contradicts itself."""


def as_object(text: str | bytes) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        PlanError: it is none.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise PlanError(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise PlanError("not a JSON object")
    return value  # pyright: ignore[reportUnknownVariableType]


def read[T](kind: type[T], text: str | bytes) -> T:
    """Read a dataclass whose fields are what JSON knows.

    Raises:
        PlanError: no JSON object, or one of other fields.
    """
    try:
        return kind(**as_object(text))
    except TypeError as error:
        raise PlanError(f"not a {kind.__name__.lower()} file: {error}") from error


def tuples(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with tuples for lists, which JSON alone has."""
    return {
        key: tuple(value) if isinstance(value, list) else value  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        for key, value in fields.items()
    }
