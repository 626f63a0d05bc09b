"""Whether a value may be handed to the fast MessagePack encoder as it is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from operator import countOf
from typing import Any

from snakepit_bridge.values.refusals import MAX_DEPTH

BYTES_BESIDE = 64 * 1024
"""Bytes from which binary data travel beside the value, where that is possible."""

# The encoder is fast but forgiving: it writes tuples and sets as arrays, dates as text. So only
# exact types pass. It does raise for wide integers and lone surrogates.
SCALARS = frozenset({str, int, float, bool, type(None)})
"""Types of which the encoder writes every value unchanged, or raises."""

_NO_SCALARS = frozenset({dict, list, bytes})
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
        keys = map(type, chain.from_iterable(dicts))
        if dicts and countOf(keys, str) < sum(map(len, dicts)):
            return False
        if SCALARS.issuperset(map(type, _members(dicts, lists))):
            return True
        others = [each for each in _members(dicts, lists) if type(each) not in SCALARS]
        kinds = set(map(type, others))
        if not kinds <= _NO_SCALARS or (bytes in kinds and _has_large_bytes(others)):
            return False
        dicts = _of_kind(dict, others) if dict in kinds else []
        lists = _of_kind(list, others) if list in kinds else []
    return not dicts and not lists


def has_only_scalars(value: Any) -> bool:
    """Whether a list, tuple or set, or a dict with text keys, has no other members."""
    if type(value) is dict:
        return _TEXT.issuperset(map(type, value)) and SCALARS.issuperset(map(type, value.values()))
    return SCALARS.issuperset(map(type, value))


def _members(dicts: list[Any], lists: list[Any]) -> Iterator[Any]:
    return chain(chain.from_iterable(lists), chain.from_iterable(map(_values, dicts)))


def _of_kind(kind: type, others: list[Any]) -> list[Any]:
    # Each one once, or a list that holds itself twice would double from level to level.
    return [*{id(each): each for each in others if type(each) is kind}.values()]


def _has_large_bytes(others: list[Any]) -> bool:
    return any(type(each) is bytes and len(each) >= BYTES_BESIDE for each in others)
