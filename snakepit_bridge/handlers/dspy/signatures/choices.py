"""Types of which only listed values are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Literal

MOST = 1000
"""Values of one type."""

_KINDS: Mapping[str, tuple[type, ...]] = MappingProxyType({
    "string": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list, tuple),
    "object": (dict,),
})  # fmt: skip


def choice_of(values: Sequence[Any]) -> Any:
    """The type that has exactly these values, which are data as JSON has it."""
    if all(isinstance(each, str) for each in values):
        return Literal[tuple(values)]
    # Python's literals hold true for 1, and cannot be lists.
    import pydantic

    known = {_key(each): each for each in values}

    def chosen(value: Any) -> Any:
        key = _key(value)
        if key not in known:
            text = "is none of the possible values"
            raise ValueError(text)
        return known[key]

    return Annotated[
        Any, pydantic.AfterValidator(chosen), pydantic.WithJsonSchema({"enum": list(values)})
    ]


def has_type(value: Any, types: Sequence[str]) -> bool:
    """Whether a value is of one of these types of JSON schema."""
    if isinstance(value, bool):  # which Python counts among the integers
        return "boolean" in types
    if "integer" in types and isinstance(_normal(value), int):
        return True
    return any(isinstance(value, _KINDS.get(name, ())) for name in types)


def _key(value: Any) -> str:
    """The same for values that JSON schema calls equal, and for no others."""
    return json.dumps(_normal(value), sort_keys=True, default=repr)


def _normal(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_normal(each) for each in value]
    if isinstance(value, dict):
        return {str(key): _normal(each) for key, each in value.items()}
    return value
