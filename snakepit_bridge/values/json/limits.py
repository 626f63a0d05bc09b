"""JSON text as a value, within the limits of everything that travels."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from snakepit_bridge.values.json.duplicate_keys import refuse_duplicate_keys
from snakepit_bridge.values.json.reader import read_json
from snakepit_bridge.values.places import Place, is_deeper_than, places_in
from snakepit_bridge.values.refusals import MAX_DEPTH, CannotReadError, too_deep

MAX_MEMBERS = 10_000_000
"""Members of all containers of one value. As Python objects so many take about a gigabyte."""

# The end of the data ends a text, too: else every quote would be tried as a beginning.
_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'
_TEXTS = re.compile(_TEXT, re.DOTALL)
_PIECE = re.compile(rb'(?:[^"]++|' + _TEXT + rb"){1,65536}+", re.DOTALL)

_NO_BRACKETS = bytes(set(range(256)) - set(b'[]{}"'))

_USUAL_LEVELS = 20

# Looking for one byte, as a number, takes a tenth of the time of counting, or of looking for two.
_COLON, _BACKSLASH = b":\\"
_ESCAPED_QUOTE = b'\\"'
_ESCAPED_COLON = b"\\u003"

_encode = msgspec.json.Encoder().encode


def read_limited_json(data: bytes, *, special_floats: bool) -> Any:
    """Read one value from UTF-8 JSON text.

    Args:
        data: The text.
        special_floats: See ``read_json``.

    Raises:
        NotThisEncodingError: The text is not JSON.
        CannotReadError: It is, but it holds what no value can; it has too many members or levels,
            or an object in it has a key twice.
    """
    if len(data) > MAX_MEMBERS:
        _refuse_too_many_members(data)
    value = read_json(data, special_floats=special_floats)
    # Every level takes two brackets.
    if len(data) > 2 * MAX_DEPTH and not _is_shallow(data):
        _refuse_too_deep(value)
    colons = data.count(b":") if _COLON in data else 0
    if colons > 1 and not _has_keys(value, colons, data):
        refuse_duplicate_keys(data, value)
    return value


def _refuse_too_many_members(data: bytes) -> None:
    # Texts have commas of their own; finding them takes thirty times as long.
    if _most_members(data) > MAX_MEMBERS and _has_more_members(data):
        raise CannotReadError(
            f"has more than {MAX_MEMBERS:,} members",
            "Send arrays and tables as binary data, or the data in parts.",
        )


def _has_more_members(data: bytes) -> bool:
    members = 0
    for piece in _PIECE.finditer(data):
        members += _most_members(_TEXTS.sub(b"", piece.group()))
        if members > MAX_MEMBERS:
            return True
    return False


def _most_members(text: bytes) -> int:
    return text.count(b",") + text.count(b"[") + text.count(b"{")


def _is_shallow(data: bytes) -> bool:
    """Whether it is plain from the brackets alone that there are few levels.

    This takes a tenth of the time of looking at the value.
    """
    if _BACKSLASH in data and _ESCAPED_QUOTE in data:
        return False
    # Texts without brackets are pairs of quotes now, of others some quote is left.
    brackets = data.translate(None, _NO_BRACKETS).replace(b'""', b"")
    if b'"' in brackets:
        return False
    for removed in range(0, 2 * _USUAL_LEVELS, 2):
        if len(brackets) <= 2 * (MAX_DEPTH - removed):
            return True
        # The innermost pairs: at most two levels.
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return False


def _has_keys(value: object, colons: int, data: bytes) -> bool:
    """Whether there is surely a key in the value for each colon behind a key in the text."""
    if type(value) is dict and len(value) == colons:
        return True
    if type(value) is list and sum(len(row) for row in value if type(row) is dict) == colons:
        return True
    # The value without what got lost, in a third of the time of reading it. Some colons in the
    # text may be escaped, which the writer never does.
    try:
        if _BACKSLASH in data and _ESCAPED_COLON in data:
            return False
        return _encode(value).count(b":") == colons
    except ValueError:  # an integer of thousands of digits
        return False


def _refuse_too_deep(value: object) -> None:
    if is_deeper_than(MAX_DEPTH, value):
        first = next(place for place in places_in(value) if _is_too_deep(place))
        raise CannotReadError(*too_deep(), first.steps())


def _is_too_deep(place: Place) -> bool:
    return place.levels >= MAX_DEPTH and type(place.value) in {dict, list}
