"""Walks through decoded data, level by level and without recursion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from snakepit_bridge.values.paths import Step

_CONTAINERS = frozenset({dict, list})
_NUMBERS_AND_CONSTANTS = frozenset({int, float, bool, type(None)})


class Place(NamedTuple):
    """One member somewhere inside a value."""

    value: Any
    levels: int
    """Containers around it."""

    step: Step
    """Its key or index in the container around it."""

    parent: Place | None

    def steps(self) -> list[Step]:
        """The way from the outermost value down to here."""
        steps: list[Step] = []
        place = self
        while place.parent is not None:
            steps.append(place.step)
            place = place.parent
        return steps[::-1]


def is_deeper_than(levels: int, value: object) -> bool:
    """Whether more than ``levels`` lists and dicts are nested in each other."""
    row = [value] if type(value) in _CONTAINERS else []
    for _ in range(levels):
        row = [nested for outer in row for nested in _containers_in(outer)]
        if not row:
            return False
    return bool(row)


def places_in(value: object) -> Iterator[Place]:
    """Every place that may need a look, ``value`` first: containers, texts and foreign objects."""
    level = [Place(value, 0, "", None)]
    while level:
        yield from level
        level = [
            Place(member, parent.levels + 1, step, parent)
            for parent in level
            for step, member in _members(parent.value)
            if type(member) not in _NUMBERS_AND_CONSTANTS or type(step) is str
        ]


def _members(value: object) -> Iterable[tuple[Step, Any]]:
    if type(value) is dict:
        return value.items()
    return enumerate(value) if type(value) is list else ()


def _containers_in(container: Any) -> Iterable[Any]:
    members = container.values() if type(container) is dict else container
    # Rows of numbers are the bulk of large data; this looks at them in C.
    if _CONTAINERS.isdisjoint(map(type, members)):
        return ()
    return [member for member in members if type(member) in _CONTAINERS]
