from __future__ import annotations

from typing import Any

import pytest

from snakepit_bridge.values.places import is_deeper_than, places_in


def test_every_place_that_may_need_a_look_knows_its_way() -> None:
    found = {tuple(place.steps()): place.value for place in places_in({"a": ["x", 1, ["y"]]})}

    assert found == {
        (): {"a": ["x", 1, ["y"]]},
        ("a",): ["x", 1, ["y"]],
        ("a", 0): "x",
        ("a", 2): ["y"],
        ("a", 2, 0): "y",
    }


def test_a_number_is_visited_for_the_sake_of_its_key() -> None:
    assert [place.steps() for place in places_in({"a": 1})] == [[], ["a"]]


def test_a_place_counts_the_containers_around_it() -> None:
    assert [place.levels for place in places_in([["x"]])] == [0, 1, 2]


@pytest.mark.parametrize(
    ("value", "levels"),
    [(1, 0), ("[[[", 0), ([], 1), ({}, 1), ([1, {"a": []}], 3), ([[], [[1]], {}], 3)],
)
def test_the_depth_of_data_is_that_of_their_deepest_container(value: object, levels: int) -> None:
    assert not is_deeper_than(levels, value)
    assert levels == 0 or is_deeper_than(levels - 1, value)


def test_depth_beyond_the_stack_of_the_interpreter_is_measured() -> None:
    value: list[Any] = []
    for _ in range(10_000):
        value = [value]

    assert is_deeper_than(10_000, value)
    assert not is_deeper_than(10_001, value)
