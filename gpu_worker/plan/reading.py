"""JSON that may be anything, read as what it should be."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Self


class PlanError(ValueError):
    """A plan that cannot be read, or that contradicts itself."""


@dataclass(frozen=True, slots=True)
class Report:
    """A dataclass whose fields are what JSON knows, one document each."""

    def to_json(self) -> str:
        """Write as one JSON document."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote.

        Raises:
            PlanError: no JSON object, or one of other fields.
        """
        try:
            return cls(**as_object(text))
        except TypeError as error:
            raise PlanError(f"not a {cls.__name__.lower()} file: {error}") from error


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


def tuples(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with tuples for lists, which JSON alone has."""
    return {
        key: tuple(value) if isinstance(value, list) else value  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        for key, value in fields.items()
    }
