"""What a thing is, for whoever wants to use it."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import ModuleType, NoneType, UnionType
from typing import Any
from uuid import UUID

import msgspec

from snakepit_bridge.errors import BridgeError
from snakepit_bridge.handlers.failures import bounded
from snakepit_bridge.handlers.python.kinds import CACHED, is_code, shown
from snakepit_bridge.handlers.python.reach import Reach, names_of

MAX_DOCS = 4000
"""Characters of a docstring that are shown."""

MAX_LINE = 200
"""Characters of the one line that is shown of a member."""

MAX_MEMBERS = 1000
"""Members that are shown; pandas has 900 in its largest class."""

MOST_WRAPPERS = 100
"""Functions around a function that are looked through."""

_GENERIC_HINTS = frozenset({list, tuple, dict, set, frozenset, typing.Union, UnionType})
_PLAIN_HINTS: frozenset[type] = frozenset(
    {
        *(int, float, str, bool, bytes, bytearray, NoneType, list, tuple, dict, set, frozenset),
        *(date, datetime, time, timedelta, Decimal, UUID),
    }
)


class Describer:
    """Describes things by looking at them, not by using them.

    Args:
        reach: Tells which members callers may use; the others are not shown.
    """

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def description(self, thing: Any) -> dict[str, Any]:
        """Name, kind, signature, parameters as JSON schema, docstring, and public members."""
        signature = _signature_of(thing)
        members = [] if _kind_of(thing) == "function" else list(self._members(thing))
        return {
            "name": _name_of(thing),
            "kind": _kind_of(thing),
            "signature": "" if signature is None else bounded(str(signature), MAX_DOCS),
            "parameters": None if signature is None else _schema_of(signature),
            "docs": bounded(_docs_of(thing), MAX_DOCS),
            "members": members[:MAX_MEMBERS],
        }

    def _members(self, thing: Any) -> Iterator[dict[str, str]]:
        for name in names_of(thing):
            member = _static(thing, name)
            with suppress(BridgeError):
                # Asking for it would run a property; what it is made of tells enough.
                self._reach.check_member(thing, name)
                line = _docs_of(member).partition("\n")[0]
                yield {"name": name, "kind": _member_kind(member), "docs": bounded(line, MAX_LINE)}


def _name_of(thing: Any) -> str:
    if is_code(thing) or not _is_like_function(thing):
        return shown(thing)
    module = getattr(thing, "__module__", None) or type(thing).__module__
    return f"{module}.{thing.__name__}"


def _kind_of(thing: Any) -> str:
    if isinstance(thing, ModuleType):
        return "module"
    if isinstance(thing, type):
        return "class"
    return "function" if is_code(thing) or _is_like_function(thing) else "instance"


def _is_like_function(thing: Any) -> bool:
    """Whether this is an instance that is only there to call, such as numpy's functions."""
    return callable(thing) and isinstance(getattr(thing, "__name__", None), str)


def _member_kind(member: Any) -> str:
    if isinstance(member, property) or inspect.isdatadescriptor(member):
        return "property"
    return _kind_of(member)


def _static(thing: Any, name: str) -> Any:
    if isinstance(thing, ModuleType):
        return vars(thing)[name]
    return inspect.getattr_static(thing, name)


def _docs_of(thing: Any) -> str:
    if not is_code(thing) and not _is_like_function(thing) and not _describes_itself(thing):
        return ""
    docs = getattr(thing, "__doc__", None)
    return inspect.cleandoc(docs) if isinstance(docs, str) else ""


def _describes_itself(thing: Any) -> bool:
    return inspect.isdatadescriptor(thing) or type(thing).__module__ != "builtins"


def _signature_of(thing: Any) -> inspect.Signature | None:
    if isinstance(thing, ModuleType) or not callable(thing) or _has_made_up_signature(thing):
        return None
    try:
        return inspect.signature(thing)
    except (TypeError, ValueError, NameError):
        return None  # many functions written in C do not tell


def _has_made_up_signature(thing: Any) -> bool:
    """Whether an object carries, for a signature, text that Python would read as code."""
    for _ in range(MOST_WRAPPERS):
        own = getattr(thing, "__dict__", None)
        if not isinstance(own, dict) or (is_code(thing) and not isinstance(thing, CACHED)):
            return False
        signature = own.get("__signature__")
        if "__text_signature__" in own or not isinstance(signature, (inspect.Signature, NoneType)):
            return True
        if "__wrapped__" not in own:
            return False
        thing = own["__wrapped__"]
    return True


def _schema_of(signature: inspect.Signature) -> dict[str, Any]:
    properties = {}
    for name, parameter in signature.parameters.items():
        if parameter.kind not in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
            properties[name] = _schema(parameter.annotation) | _default(parameter.default)
    required = [
        name for name in properties if signature.parameters[name].default is inspect.Parameter.empty
    ]
    kinds = {each.kind for each in signature.parameters.values()}
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": inspect.Parameter.VAR_KEYWORD in kinds,
    }


def _schema(hint: Any) -> dict[str, Any]:
    """The JSON schema of a plain type.

    Nothing is known of others: their own annotations may be texts, and to understand a text is to
    run it.
    """
    if _is_plain_hint(hint):
        with suppress(TypeError, RecursionError):
            return msgspec.json.schema(hint)
    return {}


def _is_plain_hint(hint: Any) -> bool:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is None:
        return hint is None or (isinstance(hint, type) and hint in _PLAIN_HINTS)
    if origin is typing.Literal:
        return all(type(each) in {int, str, NoneType} for each in inner)
    return origin in _GENERIC_HINTS and all(each is ... or _is_plain_hint(each) for each in inner)


def _default(value: Any) -> dict[str, Any]:
    if value is None or type(value) in {bool, int, float, str}:
        return {"default": value}
    return {}
