"""What an adapter class has of Snakepit's optional methods, found once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

import msgspec

from snakepit_bridge.adapters.tools import members_of, overrides_execute_tool, tools_of

Lifetime = Literal["request", "session", "process"]

LIFETIME_ATTRIBUTE = "adapter_lifetime"


class Hooks(msgspec.Struct, frozen=True, kw_only=True):
    """How the objects of one adapter class are to be treated."""

    cls: Callable[[], Any]
    name: str
    lifetime: Lifetime

    takes_context: bool
    """Whether it has ``set_session_context``."""

    initializes: bool
    cleans_up: bool
    hears_session_ends: bool

    answers_itself: bool
    """Whether it has an ``execute_tool`` of its own, rather than marked methods alone."""

    answers_on_loop: bool
    """Whether that one is ``async``."""

    tools_on_loop: Mapping[str, bool]
    """Its marked methods, and which of them are ``async``."""


def hooks_of(cls: type) -> Hooks:
    """What an adapter class has; runs none of its code.

    Raises:
        TypeError: It has neither tools nor ``execute_tool``, so that no call could reach it, or
            its ``adapter_lifetime`` is none.
    """
    answers_itself = overrides_execute_tool(cls)
    tools = tools_of(cls)
    if not answers_itself and not tools:
        text = (
            f"{cls.__qualname__} has no tools: mark its methods with @tool() of "
            "snakepit_bridge.base_adapter, or give it execute_tool(tool_name, arguments, context)."
        )
        raise TypeError(text)
    members = members_of(cls)
    return Hooks(
        cls=cls,
        name=cls.__name__,
        lifetime=_lifetime(cls),
        takes_context="set_session_context" in members,
        initializes="initialize" in members,
        cleans_up="cleanup" in members,
        hears_session_ends="on_session_end" in members,
        answers_itself=answers_itself,
        answers_on_loop=answers_itself and _is_async(cls, "execute_tool"),
        tools_on_loop={name: _is_async(cls, name) for name in tools},
    )


def _lifetime(cls: type) -> Lifetime:
    lifetime: Any = getattr(cls, LIFETIME_ATTRIBUTE, "request")
    if lifetime not in get_args(Lifetime):
        known = ", ".join(map(repr, get_args(Lifetime)))
        text = f"{cls.__qualname__}.{LIFETIME_ATTRIBUTE} is {lifetime!r}, not one of {known}."
        raise TypeError(text)
    valid: Lifetime = lifetime
    return valid


def _is_async(cls: type, name: str) -> bool:
    # As it stands: plain code around async code may block. What it hands back is awaited anyway.
    function = getattr(cls, name)
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
