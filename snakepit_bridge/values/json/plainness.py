"""Whether a value may be handed to the fast JSON encoder as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from snakepit_bridge.values.refusals import MAX_DEPTH

# The encoder is fast but forgiving: it writes NaN as null, sets as arrays, bytes as base64 and
# numbers as keys without a word. So only exact types pass; a subclass or anything else does not.
PLAIN_KINDS: frozenset[type] = frozenset({str, int, bool, type(None)})
"""Kinds of which every value is plain; a float is only plain if it is finite."""

CONSTANT_KINDS: frozenset[type] = frozenset({bool, type(None)})
_TEXT = frozenset({str})

_LONG = 16
"""Members from which looking at a list as a whole, in C, beats looking at each."""


def is_plain(value: Any) -> bool:
    """Whether the fast encoder writes ``value`` unchanged or raises ``ValueError``.

    It raises for lone surrogates and for integers of more digits than CPython likes to convert.
    """
    kind = type(value)
    if kind in PLAIN_KINDS:
        return True
    if kind is float:
        return isfinite(value)
    return (kind is dict or kind is list) and _is_plain_inside(value, MAX_DEPTH)


def is_row_of_constants(members: Sequence[Any]) -> bool:
    """Whether a list holds only finite floats, only 64-bit integers, or only constants.

    Such a list can be written as it is, whatever else the value needs.
    """
    kinds = set(map(type, members))
    if kinds == {float}:
        # The sum of finite numbers may overflow; only then is each one looked at.
        return isfinite(sum(members)) or all(map(isfinite, members))
    if kinds == {int}:
        return bool(min(members) >= -(2**63) and max(members) < 2**64)
    return kinds <= CONSTANT_KINDS


def has_text_keys(members: Mapping[Any, object]) -> bool:
    """Whether every key is exactly a ``str``, so that no two become the same text."""
    return _TEXT.issuperset(map(type, members))


def _is_plain_inside(container: Any, levels: int) -> bool:
    if type(container) is dict:
        if not has_text_keys(container):
            return False
        members = container.values()
    elif len(container) >= _LONG and is_row_of_constants(container):
        return True
    else:
        members = container
    for member in members:
        kind = type(member)
        if kind in PLAIN_KINDS or (kind is float and isfinite(member)):
            continue
        nested = (kind is dict or kind is list) and levels > 1
        if not (nested and _is_plain_inside(member, levels - 1)):
            return False
    return True
