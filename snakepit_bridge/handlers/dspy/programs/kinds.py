"""Whether a value of one type can stand where another type is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, get_args, get_origin

_KINDS: Mapping[Any, str] = MappingProxyType({
    str: "text",
    int: "number",
    float: "number",
    bool: "truth value",
    list: "list",
    dict: "object",
})  # fmt: skip


def kind_of(annotation: Any) -> str:
    """A word for the type; empty where it may be several, or is of a special kind."""
    return _KINDS.get(get_origin(annotation) or annotation, "")


def misfit(given: Any, wanted: Any) -> str:
    """Why a value cannot be used; empty when it can, or nobody knows.

    Anything can be used as text, for DSPy writes it into the prompt.
    """
    kinds = kind_of(given), kind_of(wanted)
    if not all(kinds) or kinds[0] == kinds[1] or kinds[1] == "text":
        return ""
    return f"is a {kinds[0]}, where a {kinds[1]} is wanted"


def item_of(annotation: Any) -> Any:
    """The type of the items of a list; ``Any`` where it is not known."""
    args = get_args(annotation)
    return args[0] if get_origin(annotation) is list and args else Any
