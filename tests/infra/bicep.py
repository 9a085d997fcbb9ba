"""Bicep as plain Python values, read with tree-sitter: enough to check a tree of files.

The grammar knows neither `!`, spread nor `(item, index)` loops; the files in infra/ do without.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

INFRA = Path(__file__).parents[2] / "infra"

BUILT_IN = """
    allowed concat description empty environment guid items json last length listKeys
    loadJsonContent maxLength maxValue minLength minValue range replace resourceGroup resourceId
    split string subscription subscriptionResourceId tenant toLower union uniqueString utcNow
"""
"""The functions and decorators of the language that infra/ uses."""

_PARSER = Parser(Language(tree_sitter_bicep.language()))
_KINDS = {
    "parameter_declaration": "param",
    "variable_declaration": "var",
    "resource_declaration": "resource",
    "module_declaration": "module",
    "output_declaration": "output",
}


class Expression(str):
    """The text of a value that is known only when it is deployed."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Declaration:
    """A parameter, variable, resource, module or output.

    Attributes:
        kind: which of these.
        name: its symbol.
        node: where it stands in the syntax tree.
        path: the file.
    """

    kind: str
    name: str
    node: Node
    path: Path

    @property
    def type(self) -> str:
        """Of a resource: its type without the version. Of a module: its file."""
        return _text(_first(self.node, "string")).strip("'").split("@")[0]

    @property
    def is_existing(self) -> bool:
        """Whether a resource is only referred to."""
        return re.match(r"resource \w+ '[^']+' existing\b", _text(self.node)) is not None

    @property
    def is_required(self) -> bool:
        """Whether a parameter has no default."""
        return "=" not in {child.type for child in self.node.children}

    @property
    def value(self) -> Any:
        """Of a parameter: its default. Of others: what they are set to; of a loop, its body."""
        return _value(self.node.named_children[-1])


@dataclass(frozen=True, slots=True)
class BicepFile:
    """A parsed file.

    Attributes:
        path: where it is.
        root: of the syntax tree.
    """

    path: Path
    root: Node

    def all(self, kind: str) -> dict[str, Declaration]:
        """Return the declarations of a kind, by name."""
        return {
            _text(name): Declaration(kind, _text(name), node, self.path)
            for node in self.root.children
            if _KINDS.get(node.type) == kind
            for name in [_first(node, "identifier")]
        }

    @property
    def outputs_used(self) -> set[tuple[str, str]]:
        """Pairs of a module and the output of it that is used."""
        return set(re.findall(r"\b(\w+)\.\??outputs\.\??(\w+)", _text(self.root)))

    @property
    def calls(self) -> set[str]:
        """Names of the functions and decorators that are called."""
        return {_text(node) for node in _walk(self.root) if _is_function(node)}

    @property
    def symbols_used(self) -> set[str]:
        """Names that expressions refer to, but for functions and for what a loop names."""
        looped = {
            _text(name)
            for node in _walk(self.root)
            if node.type == "for_statement"
            for name in [node.child_by_field_name("initializer")]
            if name is not None
        }
        used = {_text(node) for node in _walk(self.root) if _is_reference(node)}
        return used - looped


def parse(path: Path) -> BicepFile:
    """Read a file."""
    return BicepFile(path, _PARSER.parse(path.read_bytes()).root_node)


@cache
def infra() -> tuple[BicepFile, ...]:
    """Read all files of infra/."""
    return tuple(parse(path) for path in sorted(INFRA.rglob("*.bicep")))


def infra_file(name: str) -> BicepFile:
    """Return the file of infra/ with a name, wherever it lies."""
    return next(file for file in infra() if file.path.name == name)


def resources(file: BicepFile) -> list[Declaration]:
    """Return the resources that a file creates."""
    return [each for each in file.all("resource").values() if not each.is_existing]


def findings(file: BicepFile) -> list[str]:
    """Return what is wrong with a file: syntax, symbols, and how it calls its modules."""
    if broken := [node for node in _walk(file.root) if node.type == "ERROR" or node.is_missing]:
        return [f"{file.path.name}:{node.start_point[0] + 1}: syntax" for node in broken]
    return [f"{file.path.name}: {finding}" for finding in (*_symbols(file), *_modules(file))]


def _symbols(file: BicepFile) -> Iterator[str]:
    declared = {name for kind in _KINDS.values() if kind != "output" for name in file.all(kind)}
    for name in file.symbols_used - declared:
        yield f"{name} is not declared"
    for name in file.calls - set(BUILT_IN.split()):
        yield f"{name} is no function"
    for name in (file.all("param").keys() | file.all("var").keys()) - file.symbols_used:
        yield f"{name} is not used"


def _modules(file: BicepFile) -> Iterator[str]:
    for module in file.all("module").values():
        path = file.path.parent / module.type
        if not path.exists():
            yield f"{module.name}: there is no {module.type}"
            continue
        called, given = parse(path), module.value["params"].keys()
        params = called.all("param")
        for name in given - params.keys():
            yield f"{module.name}: {module.type} has no parameter {name}"
        for name in {each.name for each in params.values() if each.is_required} - given:
            yield f"{module.name}: {name} is not given"
        used = {output for symbol, output in file.outputs_used if symbol == module.name}
        for name in used - called.all("output").keys():
            yield f"{module.name}: {module.type} has no output {name}"


def _is_function(node: Node) -> bool:
    parent = node.parent
    return (
        node.type == "identifier"
        and parent is not None
        and parent.type == "call_expression"
        and parent.child_by_field_name("function") == node
    )


def _is_reference(node: Node) -> bool:
    parent = node.parent
    if node.type != "identifier" or parent is None or _is_function(node):
        return False
    names_a_declaration = parent.type in _KINDS and _first(parent, "identifier") == node
    is_key = parent.type == "object_property" and parent.named_children[0] == node
    return not (names_a_declaration or is_key)


def _value(node: Node) -> Any:
    match node.type:
        case "object":
            return {_key(each): _value(each.named_children[-1]) for each in _pairs(node)}
        case "array":
            return [_value(child) for child in node.named_children if child.type != "comment"]
        case "string" if not any(child.type == "interpolation" for child in node.named_children):
            return _text(node).strip("'")
        case "boolean" | "number" | "null":
            return json.loads(_text(node))
        case "if_statement":
            return _value(node.named_children[-1])
        case "for_statement" if node.named_children[-1].type in {"object", "if_statement"}:
            return _value(node.named_children[-1])
        case _:
            return Expression(_text(node))


def _pairs(node: Node) -> Iterator[Node]:
    return (child for child in node.named_children if child.type == "object_property")


def _key(pair: Node) -> str:
    return _text(pair.named_children[0]).strip("'")


def _first(node: Node, kind: str) -> Node:
    return next(child for child in node.children if child.type == kind)


def _text(node: Node) -> str:
    return (node.text or b"").decode()


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _walk(child)
