"""Whether a value of one type can stand where another type is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, get_args, get_origin

from snakepit_bridge.handlers.dspy.signatures.field_spec import unchecked

_KINDS: Mapping[Any, str] = MappingProxyType({
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "a truth value",
    list: "a list",
    dict: "an object",
})  # fmt: skip


def kind_of(annotation: Any) -> str:
    """What people call the type; empty where it may be several, or is of a special kind."""
    bare = unchecked(annotation)
    return _KINDS.get(get_origin(bare) or bare, "")


def misfit(given: Any, wanted: Any) -> str:
    """Why a value cannot be used; empty when it can, or nobody knows.

    Anything can be used as text, for DSPy writes it into the prompt.
    """
    kinds = kind_of(given), kind_of(wanted)
    if not all(kinds) or kinds[0] == kinds[1] or kinds[1] == _KINDS[str]:
        return ""
    return f"is {kinds[0]}, where {kinds[1]} is wanted"


def item_of(annotation: Any) -> Any:
    """The type of the items of a list; ``Any`` where it is not known."""
    bare = unchecked(annotation)
    args = get_args(bare)
    return args[0] if get_origin(bare) is list and args else Any
