"""Whether a value may be handed to the fast MessagePack encoder as it is."""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain
from typing import Any

from snakepit_bridge.values.refusals import MAX_DEPTH

BYTES_BESIDE = 64 * 1024
"""Bytes from which binary data travel beside the value, where that is possible."""

# The encoder is fast but forgiving: it writes tuples and sets as arrays, dates as text. So only
# exact types pass. It does raise for wide integers and lone surrogates.
SCALARS = frozenset({str, int, float, bool, type(None)})
"""Types of which the encoder writes every value unchanged, or raises."""

_PLAIN = SCALARS | {dict, list, bytes}
_TEXT = frozenset({str})
_values = dict.values


def is_plain(value: Any) -> bool:
    """Whether the encoder writes ``value`` unchanged, or raises."""
    kind = type(value)
    if kind is not dict and kind is not list:
        return kind in SCALARS or (kind is bytes and len(value) < BYTES_BESIDE)
    dicts, lists = ([value], []) if kind is dict else ([], [value])
    # Level by level, so that nearly all of the work is done in C.
    for _ in range(MAX_DEPTH):
        if not _TEXT.issuperset(map(type, chain.from_iterable(dicts))):
            return False
        members = _members(dicts, lists)
        if SCALARS.issuperset(map(type, members)):
            return True
        kinds = set(map(type, members))
        if not kinds <= _PLAIN or (bytes in kinds and _has_large_bytes(members)):
            return False
        dicts = _of_kind(dict, members) if dict in kinds else []
        lists = _of_kind(list, members) if list in kinds else []
    return not dicts and not lists


def has_only_scalars(value: Any) -> bool:
    """Whether a list, tuple or set, or a dict with text keys, has no other members."""
    if type(value) is dict:
        return _TEXT.issuperset(map(type, value)) and SCALARS.issuperset(map(type, value.values()))
    return SCALARS.issuperset(map(type, value))


def _members(dicts: list[Any], lists: list[Any]) -> Collection[Any]:
    if len(dicts) + len(lists) == 1:
        return dicts[0].values() if dicts else lists[0]  # type: ignore[no-any-return]  # plain data
    return [*chain.from_iterable(lists), *chain.from_iterable(map(_values, dicts))]


def _of_kind(kind: type, members: Collection[Any]) -> list[Any]:
    # Each one once, or a list that holds itself twice would double from level to level.
    return [*{id(member): member for member in members if type(member) is kind}.values()]


def _has_large_bytes(members: Collection[Any]) -> bool:
    return any(type(member) is bytes and len(member) >= BYTES_BESIDE for member in members)
