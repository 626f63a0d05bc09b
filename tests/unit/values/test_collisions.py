from __future__ import annotations

from typing import Any

import pytest

from snakepit_bridge.values import collisions
from snakepit_bridge.values.collisions import MOST_COLLISIONS, has_collisions

_SAME_HASH = [(2**61 - 1) * number for number in range(1, MOST_COLLISIONS + 3)]


def test_a_few_of_the_same_hash_are_chance() -> None:
    assert not has_collisions([1, 1.0, True, "a", None])
    assert not has_collisions(_SAME_HASH[:-1])


def test_many_of_the_same_hash_are_none() -> None:
    assert has_collisions(_SAME_HASH)


@pytest.mark.parametrize(
    "members",
    [
        range(20_000),
        [number * 1.5 for number in range(20_000)],
        [-number << 16 for number in range(20_000)],
        [number << 24 for number in range(20_000)],
        [number << 40 for number in range(20_000)],
        [(number, number % 7) for number in range(20_000)],
        [number * 0x9E3779B97F4A7C15 % 2**64 for number in range(20_000)],
        [f"key {number}" for number in range(20_000)],
        [*range(5_000), *(f"key {number}" for number in range(5_000))],
    ],
    ids=lambda members: str(members[1])[:20],
)
def test_ordinary_keys_are_not_taken_for_chosen_ones(members: Any) -> None:
    assert not has_collisions(members)


@pytest.mark.parametrize("steps", ["_dict_steps", "_set_steps"])
def test_keys_of_different_hashes_that_look_for_a_place_for_long_are_noticed(
    monkeypatch: pytest.MonkeyPatch, steps: str
) -> None:
    members = [number << 40 for number in range(20_000)]
    other = {"_dict_steps": "_set_steps", "_set_steps": "_dict_steps"}[steps]
    monkeypatch.setattr(collisions, other, lambda *_: 0)
    assert not has_collisions(members)

    monkeypatch.setattr(collisions, "_MOST_STEPS", 2)

    assert has_collisions(members)


def test_many_of_the_same_hash_are_noticed_before_a_dict_is_built_of_them() -> None:
    assert has_collisions([(2**61 - 1) * number for number in range(1, 200_000)])


def test_what_has_no_hash_is_an_error() -> None:
    with pytest.raises(TypeError):
        has_collisions([1, []])  # type: ignore[list-item]  # what this is about
