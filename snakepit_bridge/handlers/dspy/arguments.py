"""The arguments of a command made into the arguments of a DSPy call."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from snakepit_bridge.errors import InstanceNotFoundError

_REF = re.compile(r"[a-z0-9_]+-[0-9a-f]{16}")

NESTING = 64
"""Levels of lists and objects that are looked through for refs."""


class Arguments(msgspec.Struct, frozen=True):
    """What one call is given."""

    positional: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = msgspec.field(default_factory=dict)


def arguments_from(
    args: Mapping[str, Any] | Sequence[Any] | None, find: Callable[[str], Any]
) -> Arguments:
    """An object as keyword arguments, a list as positional ones.

    A text that is, as a whole, the ref of a live object stands for that object, at any depth: so a
    module can be given to an optimizer, and examples to a module.

    Args:
        args: As the command had them.
        find: The live object of a ref.

    Raises:
        ForeignRefError: A ref belongs to another session.
    """
    if args is None:
        return Arguments()
    found = _with_instances(args, find, NESTING)
    if isinstance(found, Mapping):
        return Arguments(keywords={str(name): value for name, value in found.items()})
    return Arguments(positional=tuple(found))


def _with_instances(value: Any, find: Callable[[str], Any], depth: int) -> Any:
    if isinstance(value, str):
        return _instance_or_text(value, find)
    if depth == 0:
        return value
    if isinstance(value, dict):
        return {key: _with_instances(each, find, depth - 1) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_instances(each, find, depth - 1) for each in value]
    return value


def _instance_or_text(text: str, find: Callable[[str], Any]) -> Any:
    if not _REF.fullmatch(text):
        return text
    try:
        return find(text)
    except InstanceNotFoundError:
        return text  # it only looks like a ref
