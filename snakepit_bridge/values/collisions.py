"""Notices keys that were chosen so that a dict takes hours to build."""

from __future__ import annotations

from collections.abc import Collection, Hashable

MOST_COLLISIONS = 100
"""Members whose hash another one has, too. Integers can be chosen so that all have the same, and
then a set of a million of them takes hours to build; by chance there are never that many."""


def has_collisions(members: Collection[Hashable]) -> bool:
    """Whether more than ``MOST_COLLISIONS`` members have the hash of another one.

    Raises:
        TypeError: One of them cannot be hashed.
    """
    return len(members) - len(set(map(hash, members))) > MOST_COLLISIONS
