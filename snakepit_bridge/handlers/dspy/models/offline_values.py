"""Values of the types a prompt asks for, always the same ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from math import inf
from types import MappingProxyType
from typing import Any

_SCHEMA = "must adhere to the JSON schema: "
_CHOICES = ("must be one of: ", "must exactly match (no extra characters) one of: ")
_SIMPLE: Mapping[str, Any] = MappingProxyType({
    "must be True or False": False,
    "must be a single int value": 0,
    "must be a single float value": 0.0,
})  # fmt: skip

ENDING = "finish"
"""Chosen wherever it is offered: agents stop with it, and would otherwise go on for ever."""

_FORMATS: Mapping[str, str] = MappingProxyType({
    "date": "2000-01-01",
    "date-time": "2000-01-01T00:00:00Z",
    "duration": "PT0S",
    "email": "nobody@example.org",
    "time": "00:00:00Z",
    "uri": "https://example.org/",
    "uuid": "00000000-0000-0000-0000-000000000000",
})  # fmt: skip


def value_for(field: str, note: str) -> Any:
    """A value for one field.

    Args:
        field: Its name.
        note: What DSPy's prompt says about its type; empty for text.
    """
    if note in _SIMPLE:
        return _SIMPLE[note]
    for choices in _CHOICES:
        if note.startswith(choices):
            return _chosen(note.removeprefix(choices).split("; "))
    if note.startswith(_SCHEMA):
        schema = json.loads(note.removeprefix(_SCHEMA))
        return _Schema(schema.get("$defs", {})).value(schema, frozenset())
    return f"Offline {field}: no language model was asked."


def _chosen(options: list[Any]) -> Any:
    return ENDING if ENDING in options else options[0]


_Inside = frozenset[str]
"""The definitions a value is part of; one within itself would have no end."""

_Maker = Callable[[Mapping[str, Any], _Inside], Any]


class _Schema:
    """A JSON schema as pydantic writes it, with the definitions it refers to."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self._kinds: Mapping[str, _Maker] = {
            "string": _string,
            "integer": _integer,
            "number": _float,
            "boolean": _false,
            "null": _null,
            "array": self._array,
            "object": self._object,
        }

    def value(self, schema: Mapping[str, Any], inside: _Inside) -> Any:
        """The smallest value that fits."""
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return _chosen(schema["enum"])
        if "$ref" in schema:
            return self._referred(_name_of(schema), inside)
        for several in ("anyOf", "oneOf", "allOf"):
            if several in schema:
                options = schema[several]
                ending = (each for each in options if _name_of(each) not in inside)
                return self.value(next(ending, options[0]), inside)
        make: _Maker = self._kinds.get(str(schema.get("type", "string")), _string)
        return make(schema, inside)

    def _referred(self, name: str, inside: _Inside) -> Any:
        if name in inside:
            return None  # nothing fits: it has itself for a part, always
        return self.value(self._definitions.get(name, {}), inside | {name})

    def _array(self, schema: Mapping[str, Any], inside: _Inside) -> list[Any]:
        each = list(schema.get("prefixItems", ()))
        each += [schema.get("items", {})] * (int(schema.get("minItems", 0)) - len(each))
        return [self.value(item, inside) for item in each]

    def _object(self, schema: Mapping[str, Any], inside: _Inside) -> dict[str, Any]:
        properties = schema.get("properties", {})
        wanted = schema.get("required", ())
        return {name: self.value(properties.get(name, {}), inside) for name in wanted}


def _name_of(schema: Mapping[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _string(schema: Mapping[str, Any], _: _Inside) -> str:
    text = _FORMATS.get(str(schema.get("format")), "offline")
    text = text.ljust(int(schema.get("minLength", 0)), ".")
    return text[: int(schema.get("maxLength", len(text)))]


def _integer(schema: Mapping[str, Any], _: _Inside) -> int:
    return int(_number(schema, step=1))


def _float(schema: Mapping[str, Any], _: _Inside) -> float:
    return _number(schema, step=0.5)


def _false(*_: object) -> bool:
    return False


def _null(*_: object) -> None:
    return None


def _number(schema: Mapping[str, Any], *, step: float) -> float:
    """The number nearest to 0 between the bounds; ``step`` away from an excluded one."""
    lowest = schema.get("minimum", -inf)
    highest = schema.get("maximum", inf)
    if "exclusiveMinimum" in schema:
        lowest = max(lowest, schema["exclusiveMinimum"] + step)
    if "exclusiveMaximum" in schema:
        highest = min(highest, schema["exclusiveMaximum"] - step)
    return float(min(max(0, lowest), highest))
