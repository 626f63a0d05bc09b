"""Tags that stand for something which stays where it is."""

from __future__ import annotations

from typing import Any

from snakepit_bridge.values.refs import Ref
from snakepit_bridge.values.tag_objects import HostFunction
from snakepit_bridge.values.tagged.tags import (
    Members,
    TagError,
    optional_text,
    shown,
    tag,
    text_field,
)

CALLBACK_TOOL = "snakebridge.callback"
"""The host's tool behind every ``callback``."""


def ref_tag(ref: Ref) -> dict[str, Any]:
    """``ref`` as SnakeBridge writes it: the class goes in two parts."""
    module, _, name = ref.type_name.rpartition(".")
    return tag(
        "ref",
        id=str(ref),
        session_id=ref.session_id,
        python_module=module,
        library=module.partition(".")[0],
        type_name=name,
        __type_name__=name,
    )


def read_ref(members: Members) -> Ref:
    """Read a ``ref`` or ``stream_ref``; all but its id may be missing.

    Raises:
        TagError: It is malformed.
    """
    return Ref(
        _name(members, "id", "ref_id"),
        type_name=_type_name(members),
        session_id=optional_text(members, "session_id"),
    )


def function_tag(function: HostFunction) -> dict[str, Any]:
    """``callback`` for SnakeBridge's one tool of many functions, ``tool`` for all others."""
    fields: dict[str, Any] = {}
    if function.arity is not None:
        fields["arity"] = function.arity
    if function.tool == CALLBACK_TOOL and function.callback_id:
        return tag("callback", ref_id=function.callback_id, **fields)
    if function.callback_id:
        fields["callback_id"] = function.callback_id
    return tag("tool", name=function.tool, **fields)


def read_callback(members: Members) -> HostFunction:
    """Read a ``callback``; raises ``TagError``."""
    return HostFunction(
        tool=CALLBACK_TOOL,
        callback_id=_name(members, "ref_id", "callback_id"),
        arity=_arity(members),
    )


def read_tool(members: Members) -> HostFunction:
    """Read a ``tool``; raises ``TagError``."""
    return HostFunction(
        tool=_name(members, "name"),
        callback_id=optional_text(members, "callback_id"),
        arity=_arity(members),
    )


def _name(members: Members, *names: str) -> str:
    text = text_field(members, *names)
    if not text:
        raise TagError(f'whose "{names[0]}" is empty')
    return text


def _type_name(members: Members) -> str:
    module = optional_text(members, "python_module")
    name = optional_text(members, "type_name") or optional_text(members, "__type_name__")
    if not module or name.startswith(f"{module}."):
        return name
    return f"{module}.{name}" if name else ""


def _arity(members: Members) -> int | None:
    arity = members.get("arity")
    if arity is None or (type(arity) is int and arity >= 0):
        return arity
    raise TagError(f'whose "arity" is {shown(arity)}, not a number of arguments')
