"""What a caller says about a tool for DSPy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.references import TYPE_KEY, host_function_in
from snakepit_bridge.nearest import nearest
from snakepit_bridge.values.tag_objects import HostFunction

OnError = Literal["tell", "hide", "fail"]

RESERVED = ("finish", "submit")
"""Names that agents of DSPy give to tools of their own."""

MOST_NAME = 64
"""Characters that every provider takes in the name of a tool."""

_NAME = re.compile(rf"[A-Za-z_][A-Za-z0-9_-]{{0,{MOST_NAME - 1}}}")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")


class ToolSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A tool of the host, as a language model is to see it."""

    function: HostFunction
    """What is called."""

    name: str
    """As the language model calls it."""

    description: str | UnsetType = UNSET
    """For the language model; by default what the host says."""

    parameters: Mapping[str, Any] | UnsetType = UNSET
    """JSON schema of an object; by default what the host says."""

    timeout_s: float | None = None
    """For one call; ``None`` leaves it the time of its command."""

    on_error: OnError = "tell"
    """What the language model reads of a failure: what happened (``tell``), or that it failed
    (``hide``). With ``fail`` the failure ends the whole command."""


_FIELDS: Mapping[str, Any] = {
    "name": str,
    "description": Annotated[str, Meta(max_length=10_000)],
    "parameters": dict[str, Any],
    "timeout_s": Annotated[float, Meta(gt=0)] | None,
    "on_error": OnError,
}


def spec_from(value: Any) -> ToolSpec:
    """Read a spec: the name of a tool, a function of the host, or an object that names one.

    Raises:
        InvalidArgumentError: Names everything that is wrong with it.
    """
    function = _function(value)
    if function is not None:
        return ToolSpec(function=function, name=_usable(function))
    if not isinstance(value, Mapping):
        kind = type(value).__name__
        text = f"a tool is a text, a function, or an object with 'tool', not of the type {kind!r}"
        raise InvalidArgumentError(text)
    function = _function(value.get("tool"))
    given, problems = _read(value)
    if function is None:
        problems.insert(0, "'tool' does not name a tool of the host")
    name = given.get("name")
    if name is not None and name_problem(name):
        problems.append(name_problem(name))
    if function is None or problems:
        raise InvalidArgumentError("; ".join(problems))
    given.setdefault("name", _usable(function))
    return ToolSpec(function=function, **given)


def name_problem(name: str) -> str:
    """Why a language model cannot call a tool by this name; empty where it can."""
    if not _NAME.fullmatch(name):
        return (
            f"the name {name!r} has to be 1 to {MOST_NAME} letters, digits, '_' or '-', "
            "with no digit first"
        )
    return f"the name {name!r} is reserved for agents" if name in RESERVED else ""


def _function(value: Any) -> HostFunction | None:
    if isinstance(value, str):
        return HostFunction(tool=value) if value else None
    if isinstance(value, Mapping) and TYPE_KEY in value:
        return host_function_in(value)
    return value if isinstance(value, HostFunction) else None


def _read(value: Mapping[Any, Any]) -> tuple[dict[str, Any], list[str]]:
    given: dict[str, Any] = {}
    problems: list[str] = []
    for name, member in value.items():
        if name == "tool":
            continue
        if name not in _FIELDS:
            near = nearest(str(name), ("tool", *_FIELDS))
            problems.append(f"unknown is {name!r}" + (f" (did you mean {near!r}?)" if near else ""))
            continue
        try:
            given[name] = msgspec.convert(member, _FIELDS[name])
        except msgspec.ValidationError as error:
            problems.append(f"wrong {name!r}: {error}")
    return given, problems


def _usable(function: HostFunction) -> str:
    """A name for a language model, e.g. ``shop_search`` for ``shop.search``."""
    own = function.callback_id or function.tool
    name = _NOT_IN_NAMES.sub("_", own)
    return (name if re.match(r"[A-Za-z_]", name) else f"_{name}")[:MOST_NAME]
