"""What a class or method takes, told without calling it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from snakepit_bridge.handlers.definitions import lies_under

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def shape_of(target: Callable[..., Any]) -> inspect.Signature | None:
    """The parameters a call of the target takes; ``None`` where they cannot be known."""
    called: Callable[..., Any] = target
    if isinstance(target, type):
        # What inspect says of a class itself is wrong where a metaclass has a call of its own, and
        # for pydantic's models that have an __init__ of their own.
        init = target.__init__  # type: ignore[misc]  # of this class, whose parameters are wanted
        if not inspect.isfunction(init) or lies_under(type(target).__module__, "dspy.signatures"):
            return None
        called = init.__get__(object())
    try:
        return inspect.signature(called)
    except (TypeError, ValueError):
        return None


def named_arguments(
    target: Callable[..., Any], positional: Sequence[Any], keywords: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments by the names the target has for them, as far as they fit."""
    shape = shape_of(target) if positional else None
    if shape is None:
        return dict(keywords)
    try:
        bound = shape.bind_partial(*positional)
    except TypeError:
        return dict(keywords)
    return {**bound.arguments, **keywords}


def misfit(
    target: Callable[..., Any], positional: Sequence[Any], keywords: Mapping[str, Any]
) -> str:
    """Why the target cannot be called like this; empty when it can, or nobody knows."""
    shape = shape_of(target)
    if shape is None:
        return ""
    try:
        shape.bind(*positional, **keywords)
    except TypeError as error:
        return str(error)
    return ""


def takes(target: Callable[..., Any]) -> str:
    """The parameters for people, the optional ones with a question mark."""
    shape = shape_of(target)
    named = [
        each
        for each in (shape.parameters.values() if shape else ())
        if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]
    return ", ".join(each.name + ("" if each.default is each.empty else "?") for each in named)
