from __future__ import annotations

from typing import Any

import pytest

from snakepit_bridge.values.binary.raw_numbers import MAX_AXES, is_shape, nested


@pytest.mark.parametrize("shape", [[], [0], [2, 3], (2, 3), [1] * MAX_AXES])
def test_sizes_of_axes_are_a_shape(shape: Any) -> None:
    assert is_shape(shape)


@pytest.mark.parametrize("shape", [None, "23", {"a": 1}, [-1], [1.0], [True], [1] * (MAX_AXES + 1)])
def test_anything_else_is_none(shape: Any) -> None:
    assert not is_shape(shape)


@pytest.mark.parametrize(
    ("elements", "shape", "expected"),
    [
        ([7], [], 7),
        ([1, 2, 3], [3], [1, 2, 3]),
        ([1, 2, 3, 4], [2, 2], [[1, 2], [3, 4]]),
        ([1, 2], [2, 1, 1], [[[1]], [[2]]]),
        ([], [0], []),
        ([], [2, 0], [[], []]),
        ([], [0, 2], []),
    ],
)
def test_elements_are_put_into_lists_of_their_shape(
    elements: list[int], shape: list[int], expected: Any
) -> None:
    assert nested(elements, shape) == expected


@pytest.mark.parametrize(
    ("elements", "shape"),
    [([], [10**12, 0]), ([], [10**6, 10**6, 0]), ([0] * 1000, [1000, *[1] * 60])],
)
def test_a_few_bytes_do_not_become_lists_that_fill_the_memory(
    elements: list[int], shape: list[int]
) -> None:
    with pytest.raises(ValueError, match=f"{len(elements)} elements are too few for the lists"):
        nested(elements, shape)
