from __future__ import annotations

from array import array
from typing import Any

import pytest

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.session.variable_types import TYPES, Declaration, type_of

HUGE = pytest.param("float", 10**400, id="huge")
TENSOR = {"shape": [2, 2], "data": [[1, 2], [3, 4.5]]}


@pytest.mark.parametrize(
    ("value", "type_name"),
    [
        (True, "boolean"),
        (1, "integer"),
        (1.0, "float"),
        ("a", "string"),
        ({"a": 1}, "map"),
        ([1], "list"),
        ((1,), "list"),
        (None, "any"),
        (b"a", "any"),
        (array("d"), "any"),
    ],
)
def test_a_value_has_a_type_by_itself(value: Any, type_name: str) -> None:
    assert type_of(value) == type_name
    assert Declaration(type_name).admit("x", value) is value


@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        ("float", 0.5),
        ("float", float("inf")),
        ("integer", 10**30),
        ("string", ""),
        ("choice", "a"),
        ("module", "dspy.Predict"),
        ("embedding", [1, 2.5]),
        ("embedding", []),
        ("embedding", (1.5,)),
        ("embedding", array("f", [1.0])),
        ("tensor", TENSOR),
        ("tensor", {"shape": [], "data": 5}),
        ("tensor", {"shape": [0, 3], "data": []}),
        ("tensor", array("d", [1.0])),
        ("any", object()),
    ],
)
def test_a_value_that_fits_is_kept_as_it_is(type_name: str, value: Any) -> None:
    assert Declaration(type_name).admit("x", value) is value


def test_an_int_in_a_float_variable_becomes_a_float() -> None:
    admitted = Declaration("float", {"max": 1}).admit("x", 1)

    assert (type(admitted), admitted) == (float, 1.0)


@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        ("float", "0.5"),
        ("float", True),
        ("float", None),
        HUGE,
        ("integer", 1.0),
        ("integer", True),
        ("string", 1),
        ("string", b"a"),
        ("boolean", 1),
        ("boolean", "true"),
        ("choice", ["a"]),
        ("module", None),
        ("embedding", ["a"]),
        ("embedding", [True]),
        ("embedding", "abc"),
        ("embedding", 1),
        ("tensor", [1, 2]),
        ("tensor", {"shape": [3], "data": [1, 2]}),
        ("tensor", {"shape": [2], "data": [1, "a"]}),
        ("tensor", {"shape": [2.0], "data": [1, 2]}),
        ("tensor", {"shape": [-1], "data": []}),
        ("tensor", {"shape": [1] * 65, "data": [1]}),
        ("tensor", {"data": []}),
        ("map", []),
        ("list", {}),
        ("list", "abc"),
    ],
)
def test_a_value_of_another_type_is_refused(type_name: str, value: Any) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        Declaration(type_name).admit("x", value)

    assert caught.value.details["type"] == type_name
    assert TYPES[type_name].expects in caught.value.message
    assert "another type" in caught.value.hint


def test_a_refusal_names_variable_value_and_what_is_expected() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        Declaration("float").admit("temperature", "hot")

    assert str(caught.value) == (
        "Variable 'temperature' cannot be 'hot': its type 'float' expects a number. "
        "Send a value that fits, or declare another type along with this one."
    )
    assert caught.value.details["name"] == "temperature"
    assert caught.value.details["value"] == "'hot'"


def test_a_broken_constraint_is_named_with_its_demand() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        Declaration("float", {"min": 0, "max": 2}).admit("temperature", 3)

    assert caught.value.message == "Variable 'temperature' cannot be 3.0: it must be at most 2."
    assert caught.value.details["constraint"] == "max"
    assert "other constraints" in caught.value.hint


def test_a_long_value_is_shown_in_few_characters() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        Declaration("float").admit("x", "a" * 100_000)

    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("type_name", "hint"), [("flaot", "Did you mean 'float'?"), ("xyz", "The types are: float, ")]
)
def test_an_unknown_type_is_answered_with_those_there_are(type_name: str, hint: str) -> None:
    with pytest.raises(InvalidArgumentError, match=repr(type_name)) as caught:
        Declaration(type_name)

    assert caught.value.hint.startswith(hint)


def test_the_constraints_of_a_declaration_are_its_own() -> None:
    shape = [1]
    declaration = Declaration("tensor", {"shape": shape})

    shape.append(2)

    assert declaration.constraints == {"shape": [1]}
    assert declaration.type == "tensor"
