"""Tags of containers that JSON does not have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress
from typing import Any, TypeVar

from snakepit_bridge.values.collisions import MOST_COLLISIONS, has_collisions
from snakepit_bridge.values.tagged.tags import Members, TagError, field, list_field, shown

_T = TypeVar("_T")

_PAIR = 2


def read_tuple(members: Members) -> tuple[Any, ...]:
    """Read a ``tuple``; raises ``TagError``."""
    return tuple(list_field(members, "elements", "value"))


def read_set(members: Members) -> set[Any]:
    """Read a ``set``; equal members become one. Raises ``TagError``."""
    elements = list_field(members, "elements", "value")
    _refuse_unfit(elements, "member")
    return _compared(set, elements)


def read_frozenset(members: Members) -> frozenset[Any]:
    """Read a ``frozenset``; equal members become one. Raises ``TagError``."""
    return frozenset(read_set(members))


def read_dict(members: Members) -> dict[Any, Any]:
    """Read a ``dict``; raises ``TagError``."""
    pairs = list_field(members, "pairs", "value")
    for index, pair in enumerate(pairs):
        if type(pair) is not list or len(pair) != _PAIR:
            raise TagError(f"whose pair {index} is not a list of a key and a value")
    _refuse_unfit([key for key, _ in pairs], "key")
    found = _compared(dict, pairs)
    if len(found) < len(pairs):
        index = _second_of_a_key(pairs)
        raise TagError(f"whose pair {index} has the key of another one: {shown(pairs[index][0])}")
    return found


def read_slice(members: Members) -> slice:
    """Read a ``slice``; what is missing is null. Raises ``TagError`` where all is."""
    names = ("start", "stop", "step")
    if not any(name in members for name in names):
        field(members, *names)
    return slice(*(members.get(name) for name in names))


def _refuse_unfit(members: Sequence[Any], noun: str) -> None:
    """Refuse members that sets and dicts do not take, or would take too long for."""
    try:
        are_chosen = has_collisions(members)
    except TypeError as error:
        fits = map(_is_unhashable, members)
        index, member = next(compress(enumerate(members), fits))
        raise TagError(
            f"whose {noun} {index} is {shown(member)}, which cannot be hashed"
        ) from error
    if are_chosen:
        raise TagError(
            f"with more than {MOST_COLLISIONS} {noun}s of the same hash as others, or chosen ones"
        )


def _compared(kind: Callable[[Sequence[Any]], _T], members: Sequence[Any]) -> _T:
    try:
        return kind(members)
    except (TypeError, ValueError) as error:
        # Numbers of numpy answer with an array whether they are equal to a row of the same hash.
        raise TagError("with members that cannot be compared") from error


def _is_unhashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return True
    return False


def _second_of_a_key(pairs: Sequence[Sequence[Any]]) -> int:
    """Where a key is that was there before; there is one."""
    first: dict[Any, int] = {}
    for index, (key, _) in enumerate(pairs):
        first.setdefault(key, index)
    return next(index for index, (key, _) in enumerate(pairs) if first[key] != index)
