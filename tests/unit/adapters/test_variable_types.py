from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from snakepit_bridge.session_context import TypeValidator, VariableType
from tests.ids import shown


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "boolean"),
        (1, "integer"),
        (0.5, "float"),
        ("text", "string"),
        ([1, 2.5], "embedding"),
        (np.array([1.0, 2.0]), "embedding"),
        ({"shape": [1], "data": [1]}, "tensor"),
        (np.array([[1.0, 2.0]]), "tensor"),
        ({"a": 1}, "map"),
        ([], "list"),
        ([True], "list"),
        (["a"], "list"),
    ],
    ids=shown,
)
def test_a_value_has_a_type_that_nobody_declared(value: Any, kind: str) -> None:
    assert TypeValidator.infer_type(value) is VariableType(kind)


@pytest.mark.parametrize("value", [None, object(), {1, 2}], ids=lambda value: type(value).__name__)
def test_some_values_are_of_no_type(value: object) -> None:
    with pytest.raises(ValueError, match="of no variable type: float"):
        TypeValidator.infer_type(value)


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ("float", 1, 1.0),
        ("float", "Infinity", math.inf),
        ("integer", 3.0, 3),
        ("integer", 2**70, 2**70),
        ("string", "a", "a"),
        ("boolean", "false", False),
        ("boolean", True, True),
        ("choice", "a", "a"),
        ("module", "A.B", "A.B"),
        ("embedding", [1, 2], [1, 2]),
        ("embedding", np.array([0.5, 1.5]), [0.5, 1.5]),
        ("tensor", np.array([[1, 2]]), {"shape": [1, 2], "data": [[1, 2]]}),
        ("tensor", {"shape": [1], "data": [1]}, {"shape": [1], "data": [1]}),
        ("map", {"a": 1}, {"a": 1}),
        ("list", [1, "a"], [1, "a"]),
    ],
    ids=shown,
)
def test_a_value_that_fits_becomes_what_the_type_has(kind: str, value: Any, kept: Any) -> None:
    checked = TypeValidator.get_validator(kind).validate(value)

    assert checked == kept
    assert type(checked) is type(kept)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("float", "much"),
        ("float", True),
        ("integer", 3.5),
        ("integer", math.nan),
        ("string", 1),
        ("boolean", "perhaps"),
        ("boolean", 1),
        ("embedding", ["a"]),
        ("tensor", [1]),
        ("tensor", {"shape": [2], "data": [1]}),
        ("map", [1]),
        ("list", {}),
    ],
    ids=shown,
)
def test_a_value_that_does_not_fit_is_refused_with_what_is_expected(kind: str, value: Any) -> None:
    with pytest.raises(ValueError, match="expects"):
        TypeValidator.get_validator(VariableType(kind)).validate(value)


def test_constraints_are_asked_as_well() -> None:
    with pytest.raises(ValueError, match="at most 2"):
        TypeValidator.get_validator("float").validate(3, {"max": 2})


def test_a_type_that_does_not_exist_is_named_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"no variable type 'flaot'\. Did you mean 'float'\?"):
        TypeValidator.get_validator("flaot")
    with pytest.raises(ValueError, match="The types are: float"):
        TypeValidator.get_validator("")
