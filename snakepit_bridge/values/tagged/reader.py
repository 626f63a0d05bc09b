"""From JSON text with tags to a value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from snakepit_bridge.values.binary.blob_values import BlobValues
from snakepit_bridge.values.json.duplicate_keys import keys_and_levels, refuse_fewer_keys
from snakepit_bridge.values.json.reader import read_json
from snakepit_bridge.values.paths import Step
from snakepit_bridge.values.refusals import MAX_DEPTH, CannotReadError, too_deep
from snakepit_bridge.values.tagged.all_tags import TagReader
from snakepit_bridge.values.tagged.tags import LEGACY_REF_KEY, is_reserved
from snakepit_bridge.values.value_types import ValueTypes

MAX_MEMBERS = 10_000_000
"""Members of all containers of one value. As Python objects so many take about a gigabyte."""

_MOST_LEVELS = 3 * MAX_DEPTH + 2
"""Of JSON: a dict with pairs takes three, and what is innermost may be a tag that holds a tag."""

_NO_BLOBS = BlobValues()

_LEGACY = LEGACY_REF_KEY.encode()

_CONTAINERS = frozenset({dict, list})

_ALL_CONTAINERS = _CONTAINERS | {tuple, set, frozenset, slice}

_Place: TypeAlias = "tuple[Any, Any, Step]"
"""A container, the place of the container around it or ``None``, and its step in there. There is
one for each container of a text, and a named tuple would take twice as long to make."""

# The end of the text ends a text, too: else this could take quadratic time.
_TEXTS = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)


class TaggedReader:
    """Reads values.

    Args:
        types: What may be made of an ``object``.
    """

    def __init__(self, types: ValueTypes) -> None:
        self._read_tag = TagReader(types).read

    def read(self, data: bytes, blobs: BlobValues = _NO_BLOBS) -> Any:
        """Read one value.

        The path of an error goes through the text as it is, e.g. ``$.elements[2]``.

        Args:
            data: UTF-8 JSON text.
            blobs: Of what came beside it.

        Raises:
            CannotReadError: The text is not JSON, a tag in it is malformed, or a limit is passed.
        """
        _refuse_too_many_members(data)
        value = read_json(data, special_floats=True)
        # Keys may be spelled with escapes; of ASCII characters they all begin like this.
        if b"__type__" in data or b"\\u00" in data or _LEGACY in data:
            return self._untagged(value, data, blobs)
        if b":" in data or data.count(b"[") > MAX_DEPTH:
            keys, levels = keys_and_levels(value)
            refuse_fewer_keys(data, keys)
            if levels > MAX_DEPTH:
                raise CannotReadError(*too_deep())
        return value

    def _untagged(self, value: Any, data: bytes, blobs: BlobValues) -> Any:
        keys, levels = keys_and_levels(value)
        refuse_fewer_keys(data, keys)
        if levels > _MOST_LEVELS:
            raise CannotReadError(*too_deep())
        # What is inside comes later in the list, and has to be a value first.
        for members, outer, step in reversed(_tags_in(value)):
            try:
                found = self._read_tag(members, blobs)
            except CannotReadError as error:
                for each in reversed(_steps((members, outer, step))):
                    error.inside(each)
                raise
            if outer is None:
                value = found
            else:
                outer[0][step] = found
        if levels > MAX_DEPTH:
            _refuse_too_deep(value)
        return value


def _tags_in(value: object) -> list[_Place]:
    """Every object that may be a tag, outer ones first."""
    tags: list[_Place] = []
    row: list[_Place] = [(value, None, "")] if type(value) in _CONTAINERS else []
    while row:
        tags += [place for place in row if type(place[0]) is dict and is_reserved(place[0])]
        row = [inner for place in row for inner in _places_in(place)]
    return tags


def _places_in(place: _Place) -> Sequence[_Place]:
    container = place[0]
    members: Iterable[tuple[Step, Any]]
    if type(container) is dict:
        members = container.items()
    # Rows of numbers are the bulk of large data; this looks at them in C.
    elif _CONTAINERS.isdisjoint(map(type, container)):
        return ()
    else:
        members = enumerate(container)
    return [(member, place, step) for step, member in members if type(member) in _CONTAINERS]


def _steps(place: _Place) -> list[Step]:
    steps: list[Step] = []
    while place[1] is not None:
        steps.append(place[2])
        place = place[1]
    return steps[::-1]


def _refuse_too_many_members(data: bytes) -> None:
    # A member takes two characters at least; and texts have commas of their own.
    if len(data) <= 2 * MAX_MEMBERS or _members(data) <= MAX_MEMBERS:
        return
    if _members(_TEXTS.sub(b"", data)) > MAX_MEMBERS:
        raise CannotReadError(
            f"has more than {MAX_MEMBERS:,} members",
            "Send arrays and tables as blobs, or the data in parts.",
        )


def _members(text: bytes) -> int:
    """Members of all containers together, at most."""
    return text.count(b",") + text.count(b"[") + text.count(b"{")


def _refuse_too_deep(value: object) -> None:
    row = [value] if type(value) in _ALL_CONTAINERS else []
    for _ in range(MAX_DEPTH):
        row = [inner for outer in row for inner in _containers_in(outer)]
    if row:
        raise CannotReadError(*too_deep())


def _containers_in(container: Any) -> Iterator[Any]:
    kind = type(container)
    if kind is slice:
        container = (container.start, container.stop, container.step)
    for member in container:
        if type(member) in _ALL_CONTAINERS:
            yield member
    if kind is dict:
        yield from (each for each in container.values() if type(each) in _ALL_CONTAINERS)
