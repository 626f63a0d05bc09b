"""Refuses JSON text in which an object has the same key twice."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from json import JSONDecoder
from typing import Any

from snakepit_bridge.values.places import places_in
from snakepit_bridge.values.refusals import CannotReadError, too_deep

_CONTAINERS = frozenset({dict, list})

_SEPARATORS = (b'":', b" :", b"\t:", b"\n:", b"\r:")
"""Every colon behind a key ends one of these; colons within texts may, too."""

# A quote with a backslash before it is within a text, and ends none, unless there are two.
_WITHIN_TEXT, _MAYBE_NOT = b'\\":', b'\\\\":'

_VALUES = dict.values

_LONG = 16
"""Members from which looking at a list as a whole beats looking at each."""

_MAX_KEY = 40
"""Characters of a key in an error."""


def refuse_duplicate_keys(data: bytes, value: object) -> None:
    """Refuse what a parser would read by dropping members.

    Costs little where no text contains something that looks like a key; else the text is parsed
    a second time.

    Args:
        data: JSON text.
        value: What it was read as: lists and dicts, nothing in them changed.

    Raises:
        CannotReadError: Names the object, and its key.
    """
    if b":" in data:
        refuse_fewer_keys(data, keys_and_levels(value)[0])


def refuse_fewer_keys(data: bytes, keys: int) -> None:
    """``refuse_duplicate_keys``, where the keys were counted before.

    Args:
        data: JSON text.
        keys: Of all dicts it was read as, together.

    Raises:
        CannotReadError: Names the object, and its key.
    """
    # There cannot be more keys than this, so that one that is missing shows.
    if keys != data.count(b":") and keys != _most_keys(data):
        _refuse_exactly(data)


def keys_and_levels(value: object) -> tuple[int, int]:
    """How many keys all dicts in a value have, and how deep lists and dicts are nested."""
    keys, levels = 0, 0
    row: list[Any] = [value] if type(value) in _CONTAINERS else []
    while row:
        levels += 1
        dicts = [each for each in row if type(each) is dict]
        lists = [each for each in row if type(each) is list and _may_hold_more(each)]
        keys += sum(map(len, dicts))
        members = chain.from_iterable(chain(map(_VALUES, dicts), lists))
        row = [member for member in members if type(member) in _CONTAINERS]
    return keys, levels


def _may_hold_more(members: list[Any]) -> bool:
    # Rows of numbers are the bulk of large data; this looks at them in C.
    return len(members) < _LONG or not _CONTAINERS.isdisjoint(map(type, members))


def _most_keys(data: bytes) -> int:
    separators = sum(map(data.count, _SEPARATORS))
    return separators - data.count(_WITHIN_TEXT) + data.count(_MAYBE_NOT)


class _Doubled:
    """Stands in for an object with a key twice, until its place is known."""

    def __init__(self, key: str) -> None:
        self.key = key


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Doubled:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    (doubled, _), *_ = Counter(key for key, _ in pairs).most_common(1)
    return _Doubled(doubled)


# Numbers stay text: they were read before, and this way none can be too long.
_DECODER = JSONDecoder(object_pairs_hook=_object, parse_int=str, parse_float=str)


def _refuse_exactly(data: bytes) -> None:
    try:
        value = _DECODER.decode(data.decode())
    except RecursionError as error:
        raise CannotReadError(*too_deep()) from error
    for place in places_in(value):
        if type(place.value) is _Doubled:
            raise CannotReadError(
                f"has the key {_shown(place.value.key)} more than once",
                "Send each key of an object once.",
                place.steps(),
            )


def _shown(key: str) -> str:
    return ascii(key if len(key) <= _MAX_KEY else f"{key[:_MAX_KEY]}...")
