from __future__ import annotations

import pytest

from snakepit_bridge.values.collisions import MOST_COLLISIONS, has_collisions

_SAME_HASH = [(2**61 - 1) * number for number in range(1, MOST_COLLISIONS + 3)]


def test_a_few_of_the_same_hash_are_chance() -> None:
    assert not has_collisions([1, 1.0, True, "a", None])
    assert not has_collisions(_SAME_HASH[:-1])


def test_many_of_the_same_hash_are_none() -> None:
    assert has_collisions(_SAME_HASH)


def test_what_has_no_hash_is_an_error() -> None:
    with pytest.raises(TypeError):
        has_collisions([1, []])  # type: ignore[list-item]  # what this is about
