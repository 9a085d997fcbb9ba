"""Microsoft's Bicep compiler as a service for tests: one process, which stays warm.

It speaks JSON-RPC over its standard streams (`bicep jsonrpc`), as it does to editors. Where it is
looked for: in BICEP, on PATH, beside the checkout.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

INFRA = Path(__file__).parents[2] / "infra"
SUBSCRIPTION = "00000000-0000-0000-0000-0000000000aa"
TENANT = "00000000-0000-0000-0000-0000000000bb"
LOCATION = "westeurope"
DEPLOYER = "00000000-0000-0000-0000-0000000000cc"
REQUIRED = {"name": "atelier", "location": LOCATION, "principalId": DEPLOYER}

_LEAN = {"DOTNET_gcConcurrent": "0", "DOTNET_TieredPGO": "0"}
"""Settings of .NET for what does not run for long: nothing is collected beside it, nor measured for
a better translation. It takes three fifths of the processor's time."""
_BESIDE = INFRA.parents[1] / "shared" / "tools" / "bicep" / "bicep"


def find() -> str | None:
    """Return the compiler's path; None if there is none on this machine."""
    beside = str(_BESIDE) if _BESIDE.is_file() else None
    return os.environ.get("BICEP") or shutil.which("bicep") or beside


@dataclass(frozen=True, slots=True)
class Compiled:
    """What became of a file.

    Attributes:
        diagnostics: what the compiler and its linter say, one a line.
        template: the ARM template; empty if there is none.
    """

    diagnostics: list[str]
    template: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Deployment:
    """What would be deployed.

    Attributes:
        resources: as the resource manager would be told of them; what only it knows is left as an
            expression, `[reference(...)]`.
        outputs: values by name.
        diagnostics: what the compiler says of it.
    """

    resources: list[dict[str, Any]]
    outputs: dict[str, Any]
    diagnostics: list[Any] = field(default_factory=list[Any])

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the resources of a type."""
        return [each for each in self.resources if each["type"] == kind]

    def one(self, kind: str) -> dict[str, Any]:
        """Return the only resource of a type."""
        (found,) = self.of(kind)
        return found

    @property
    def app_settings(self) -> dict[str, str]:
        """What the function app is told."""
        settings = self.one("Microsoft.Web/sites")["properties"]["siteConfig"]["appSettings"]
        return {each["name"]: each["value"] for each in settings}


class Compiler:
    """A running compiler."""

    def __init__(self, program: str, folder: Path) -> None:
        """Start it; `folder` takes the parameters of what is evaluated."""
        self._folder = folder
        self._numbers = itertools.count(1)
        self._process = subprocess.Popen(
            [program, "jsonrpc", "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | _LEAN,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()

    def compile(self, path: Path) -> Compiled:
        """Compile and lint a file."""
        answer = self._ask("compile", path=str(path))
        said = [
            f"{Path(each['source']).name}:{each['range']['start']['line'] + 1}: "
            f"{each['level']} {each['code']}: {each['message']}"
            for each in answer["diagnostics"]
        ]
        return Compiled(said, json.loads(answer.get("contents") or "{}"))

    def format(self, path: Path) -> str:
        """Return the text of a file as the compiler would lay it out."""
        return self._ask("format", path=str(path))["contents"]

    def deploy(self, parameters: Mapping[str, Any], template: Path) -> Deployment:
        """Return what a template makes of parameters."""
        file = self._folder / f"{next(self._numbers)}.bicepparam"
        lines = [f"using '{os.path.relpath(template.resolve(), self._folder.resolve())}'"]
        lines += [f"param {name} = {_literal(value)}" for name, value in parameters.items()]
        file.write_text("\n".join(lines) + "\n")
        where = {
            "tenantId": TENANT,
            "subscriptionId": SUBSCRIPTION,
            "resourceGroup": None if template.name == "main.bicep" else "rg-atelier",
            "location": LOCATION,
            "deploymentName": "atelier",
        }
        answer = self._ask("getSnapshot", path=str(file), metadata=where, externalInputs=None)
        found = json.loads(answer["snapshot"])
        return Deployment(found["predictedResources"], found["outputs"], found["diagnostics"])

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        request = {
            "jsonrpc": "2.0",
            "id": next(self._numbers),
            "method": f"bicep/{method}",
            "params": params,
        }
        body = json.dumps(request).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()
        length = 0
        while line := self._process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        answer = json.loads(self._process.stdout.read(length))
        assert "result" in answer, answer.get("error")
        return answer["result"]


def _literal(value: Any) -> str:
    match value:
        case bool() | int():
            return json.dumps(value)
        case dict():
            inner = " ".join(f"{name}: {_literal(each)}\n" for name, each in value.items())
            return f"{{\n{inner}}}" if inner else "{}"
        case _:
            text = str(value).replace("'", r"\'")
            return f"'{text}'"
