"""Notices keys that were chosen so that a dict or a set takes minutes or hours to build."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable

MOST_COLLISIONS = 100
"""Members whose hash another one has, too. Integers can be chosen so that all have the same, and
then a set of a million of them takes hours to build; by chance there are never that many."""

UNCHECKED = 1023
"""Members that a dict or a set may have without a look at where they go: whatever they are, it
takes a millisecond to build."""

_MOST_STEPS = 64
"""Places that are taken, for each member on average, before it finds one that is free. By chance it
is less than one; multiples of powers of two take twenty, chosen integers thousands."""

_RANDOM_HASHES = frozenset({str, bytes})
"""Types whose hashes nobody can choose: Python mixes a secret into them."""

_HASH = (1 << 64) - 1
_SHIFT = 5
_NEIGHBOURS = 9
"""Places next to the one a member should have which a set looks at first."""


def has_collisions(members: Collection[Hashable]) -> bool:
    """Whether a dict or a set of these members would take too long to build.

    Takes half a microsecond for each; nothing for texts and bytes, and for few of others.

    Returns:
        Whether more than ``MOST_COLLISIONS`` of them have the hash of another one, or they were
        chosen so that each looks for its place for long, though their hashes differ.

    Raises:
        TypeError: One of them cannot be hashed.
    """
    hashes = [*map(hash, members)]
    if len(hashes) > UNCHECKED and not _RANDOM_HASHES.issuperset(map(type, members)):
        places = [each & _HASH for each in hashes]
        if _is_slow(places, _dict_steps, 2 / 3) or _is_slow(places, _set_steps, 3 / 5):
            return True
    # As the keys of a dict, which has been tried just now.
    return len(hashes) - len(dict.fromkeys(hashes)) > MOST_COLLISIONS


def _is_slow(hashes: list[int], steps_of: Callable[[int, bytearray], int], share: float) -> bool:
    """Whether this is so at any size that the table has while it grows."""
    size = UNCHECKED + 1
    while True:
        members = hashes[: int(size * share)]
        taken, left = bytearray(size), _MOST_STEPS * len(members)
        for each in members:
            left -= steps_of(each, taken)
            if left < 0:
                return True
        if len(members) == len(hashes) and size > 2 * len(hashes):
            return False
        size *= 2


# Both look for a place as CPython does.


def _dict_steps(hash_: int, taken: bytearray) -> int:
    mask = len(taken) - 1
    place, steps = hash_ & mask, 0
    while taken[place]:
        hash_ >>= _SHIFT
        place = (5 * place + hash_ + 1) & mask
        steps += 1
    taken[place] = 1
    return steps


def _set_steps(hash_: int, taken: bytearray) -> int:
    mask = len(taken) - 1
    place, steps = hash_ & mask, 0
    while True:
        last = place + _NEIGHBOURS if place + _NEIGHBOURS <= mask else place
        free = taken.find(0, place, last + 1)
        if free >= 0:
            taken[free] = 1
            return steps
        hash_ >>= _SHIFT
        place = (5 * place + hash_ + 1) & mask
        steps += 1
