"""What a function's signature tells of the arguments it takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_origin

from snakepit_bridge.values.json.plainness import is_plain

_TYPES: Mapping[str, str] = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "list": "array",
    "tuple": "array",
    "Sequence": "array",
    "dict": "object",
    "Mapping": "object",
}
"""By the name of an annotation; what is missing here may be anything."""

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def schema_of(function: Callable[..., Any]) -> dict[str, Any]:
    """A JSON schema of the arguments; empty where the signature cannot be had.

    Annotations are read by their names, never evaluated: the modules they name may be missing.
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return {}  # a built-in function without a signature
    named = [each for each in parameters if each.kind in _NAMED]
    extra = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters)
    return {
        "type": "object",
        "properties": {each.name: _property(each) for each in named},
        "required": [each.name for each in named if each.default is inspect.Parameter.empty],
        "additionalProperties": extra,
    }


def _property(parameter: inspect.Parameter) -> dict[str, Any]:
    described: dict[str, Any] = {}
    json_type = _TYPES.get(_name_of(parameter.annotation))
    if json_type is not None:
        described["type"] = json_type
    # Neither a class, such as the one that stands for "no default", nor any other object is plain.
    if is_plain(parameter.default):
        described["default"] = parameter.default
    return described


def _name_of(annotation: Any) -> str:
    if isinstance(annotation, str):
        if "|" in annotation:
            return ""  # several types, of which none is the one
        return annotation.strip("'\" ").partition("[")[0].rpartition(".")[2]
    return getattr(get_origin(annotation) or annotation, "__name__", "")
