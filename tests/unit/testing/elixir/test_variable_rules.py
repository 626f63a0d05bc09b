from __future__ import annotations

from typing import Any

import pytest

from snakepit_bridge.testing.elixir.variable_rules import BadValueError, fitting


@pytest.mark.parametrize(
    ("type_name", "value", "constraints", "kept"),
    [
        ("float", 1, {}, 1.0),
        ("float", "NaN", {"min": 0, "max": 1}, "NaN"),
        ("float", 0.5, {"min": 0, "max": 1}, 0.5),
        ("integer", 3.0, {"min": 3}, 3),
        ("string", "abc", {"min_length": 1, "max_length": 3, "pattern": "b"}, "abc"),
        ("string", "abc", {"enum": []}, "abc"),
        ("boolean", True, {}, True),
        ("boolean", "false", {}, False),
        ("boolean", 1, {}, True),
        ("choice", "a", {"choices": ["a", "b"]}, "a"),
        ("module", "dspy", {"allowed_modules": []}, "dspy"),
        ("embedding", [1, 2.5], {"dimensions": 2}, [1.0, 2.5]),
        (
            "tensor",
            {"shape": [1, 2], "data": [[1, 2]]},
            {"shape": [1, 2]},
            {"shape": [1, 2], "data": [[1, 2]]},
        ),
        ("float", 5.0, {"unheard_of": 1}, 5.0),
    ],
)
def test_a_fitting_value_is_kept(
    type_name: str, value: Any, constraints: dict[str, Any], kept: Any
) -> None:
    result = fitting(type_name, value, constraints)

    assert result == kept
    assert type(result) is type(kept)


@pytest.mark.parametrize(
    ("type_name", "value", "constraints"),
    [
        ("map", {}, {}),
        ("float", "one", {}),
        ("float", True, {}),
        ("float", 2.0, {"max": 1}),
        ("integer", 1.5, {}),
        ("integer", "1", {}),
        ("integer", float("inf"), {}),
        ("integer", 1, {"min": 2}),
        ("string", 1, {}),
        ("string", "", {"min_length": 1}),
        ("string", "c", {"enum": ["a"]}),
        ("boolean", "yes", {}),
        ("boolean", 1.0, {}),
        ("choice", "c", {"choices": ["a"]}),
        ("embedding", "abc", {}),
        ("embedding", [True], {}),
        ("embedding", [1], {"dimensions": 2}),
        ("tensor", [1], {}),
        ("tensor", {"shape": [2], "data": [1]}, {}),
        ("tensor", {"shape": [1], "data": [1]}, {"shape": [2]}),
    ],
)
def test_what_does_not_fit_is_refused(
    type_name: str, value: Any, constraints: dict[str, Any]
) -> None:
    with pytest.raises(BadValueError):
        fitting(type_name, value, constraints)
