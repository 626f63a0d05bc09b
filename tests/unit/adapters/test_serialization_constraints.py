from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from snakepit_bridge.adapters.serialization_constraints import check_constraints, shape_of

HOLD = [
    (0, "float", {"min": 0, "max": 1}),
    (1, "integer", {"min": 0, "max": 1}),
    ("abc", "string", {"min_length": 3, "max_length": 3}),
    ("a", "choice", {"choices": ["a", "b"]}),
    ("Predict", "module", {"allowed_modules": ["Predict"]}),
    ([1.0, 2.0], "embedding", {"dimensions": 2}),
    (np.zeros(2), "embedding", {"dimensions": 2}),
    (np.zeros((2, 3)), "tensor", {"shape": (2, 3)}),
    ({"shape": [2, 3], "data": []}, "tensor", {"shape": [2, 3]}),
    ([[1, 2, 3], [4, 5, 6]], "tensor", {"shape": [2, 3]}),
    (99, "float", {"min": None}),
    (99, "float", {}),
    (99, "map", {"max": 1}),
    (99, "float", {"max_length": 1}),
]


@pytest.mark.parametrize(("value", "type_name", "constraints"), HOLD)
def test_a_value_within_its_constraints_passes(
    value: Any, type_name: str, constraints: dict[str, Any]
) -> None:
    check_constraints(value, type_name, constraints)


@pytest.mark.parametrize(
    ("value", "type_name", "constraints"),
    [
        (-0.5, "float", {"min": 0}),
        (float("nan"), "float", {"min": 0}),
        (2, "integer", {"max": 1}),
        ("ab", "string", {"min_length": 3}),
        ("abcd", "string", {"max_length": 3}),
        ("c", "choice", {"choices": ["a", "b"]}),
        ("os", "module", {"allowed_modules": ["Predict"]}),
        ([1.0], "embedding", {"dimensions": 2}),
        (np.zeros((3, 2)), "tensor", {"shape": [2, 3]}),
    ],
)
def test_a_value_beyond_a_constraint_is_refused_with_its_name(
    value: Any, type_name: str, constraints: dict[str, Any]
) -> None:
    (name,) = constraints

    with pytest.raises(ValueError, match=f"against its constraint {name}="):
        check_constraints(value, type_name, constraints)


@pytest.mark.parametrize(
    ("value", "shape"), [(5, []), ([], [0]), ([[]], [1, 0]), ([(1, 2), (3, 4)], [2, 2])]
)
def test_nested_lists_have_a_shape(value: Any, shape: list[int]) -> None:
    assert shape_of(value) == shape
