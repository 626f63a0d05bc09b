from __future__ import annotations

import math
from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.errors import ErrorCode, InvalidArgumentError
from snakepit_bridge.session.variable_constraints import APPLICABLE, rules_from
from snakepit_bridge.session.variable_types import TYPES


def _holds(type_name: str, constraints: dict[str, Any], value: Any) -> bool:
    return all(rule.holds(value) for rule in rules_from(type_name, constraints))


@given(low=st.integers(), size=st.integers(0), value=st.integers())
def test_bounds_include_themselves(low: int, size: int, value: int) -> None:
    constraints = {"min": low, "max": low + size}

    assert _holds("integer", constraints, value) == (low <= value <= low + size)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_no_bound_speaks_of_infinity_or_nan(value: float) -> None:
    assert _holds("float", {"min": 0, "max": 1}, value)


def test_bounds_hold_for_integers_beyond_every_float() -> None:
    assert not _holds("integer", {"max": 1}, 10**400)
    assert _holds("integer", {"max": 10**401}, 10**400)


@pytest.mark.parametrize(
    ("type_name", "constraints", "good", "bad"),
    [
        ("string", {"min_length": 2}, "ab", "a"),
        ("string", {"max_length": 2}, "ab", "abc"),
        ("string", {"pattern": "^[a-z]+$"}, "abc", "a1"),
        ("string", {"pattern": "b"}, "abc", "acd"),
        ("string", {"pattern": "a"}, "a" * 4096, "a" * 4097),
        ("string", {"enum": ["x", "y"]}, "x", "z"),
        ("choice", {"choices": ["x", "y"]}, "y", "z"),
        ("module", {"allowed_modules": ["dspy"]}, "dspy", "os"),
        ("embedding", {"dimensions": 2}, [1.0, 2.0], [1.0]),
        ("embedding", {"dimensions": 2}, array("d", [1, 2]), array("d", [1])),
        ("tensor", {"shape": [2, 1]}, {"shape": [2, 1], "data": [[1], [2]]}, {"shape": [2]}),
        ("tensor", {"shape": (2,)}, array("d", [1, 2]), array("d", [1])),
    ],
)
def test_each_constraint_lets_through_what_it_should(
    type_name: str, constraints: dict[str, Any], good: Any, bad: Any
) -> None:
    assert _holds(type_name, constraints, good)
    assert not _holds(type_name, constraints, bad)


@pytest.mark.parametrize(
    ("type_name", "constraint"), [("choice", "choices"), ("module", "allowed_modules")]
)
def test_an_empty_list_allows_anything(type_name: str, constraint: str) -> None:
    assert _holds(type_name, {constraint: []}, "whatever")


def test_a_rule_says_what_it_demands() -> None:
    demands = [rule.demand for rule in rules_from("float", {"min": 0, "max": 0.5})]

    assert demands == ["be at least 0", "be at most 0.5"]


@pytest.mark.parametrize(
    ("type_name", "constraints", "reason"),
    [
        ("float", {"min": "0"}, "'min' must be a number, not '0'"),
        ("float", {"max": True}, "'max' must be a number, not True"),
        ("float", {"max": math.nan}, "'max' must be a number, not nan"),
        ("float", {"min": 2, "max": 1}, "'min' is above 'max'"),
        ("string", {"min_length": -1}, "'min_length' must be a whole number from 0, not -1"),
        ("string", {"max_length": 1.5}, "'max_length' must be a whole number"),
        ("string", {"min_length": 2, "max_length": 1}, "'min_length' is above 'max_length'"),
        ("string", {"pattern": "("}, r"'pattern' is broken"),
        ("string", {"pattern": 1}, "'pattern' must be a regular expression, not 1"),
        ("string", {"enum": "abc"}, "'enum' must be a list of texts, not 'abc'"),
        ("choice", {"choices": [1]}, "'choices' must be a list of texts"),
        ("tensor", {"shape": 3}, "'shape' must be a list of sizes, not 3"),
        ("tensor", {"shape": [2, -1]}, "'shape' must be a whole number from 0, not -1"),
        ("embedding", {"dimensions": None}, "'dimensions' must be a whole number"),
        ("float", {"mim": 1}, r"'mim' is unknown \(did you mean 'min'\?\)"),
        ("float", {"pattern": "a"}, "'pattern' does not apply"),
        ("map", {"min": 1}, "'min' does not apply.*It knows none"),
    ],
)
def test_a_constraint_that_makes_no_sense_is_refused(
    type_name: str, constraints: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=reason) as caught:
        rules_from(type_name, constraints)

    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    assert caught.value.details["type"] == type_name


def test_every_wrong_constraint_is_named_at_once() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        rules_from("float", {"min": "a", "max": "b", "shape": []})

    assert set(caught.value.details["constraints"]) == {"min", "max", "shape"}
    assert caught.value.hint == "It knows: min, max."


def test_constraints_belong_to_types_there_are() -> None:
    assert set(APPLICABLE) <= set(TYPES)
