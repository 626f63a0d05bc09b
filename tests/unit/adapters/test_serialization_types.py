from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from snakepit_bridge.adapters.serialization_types import normalised


@pytest.mark.parametrize(
    ("type_name", "value", "form"),
    [
        ("float", 1, 1.0),
        ("float", True, 1.0),
        ("float", np.float32(1.5), 1.5),
        ("float", Fraction(1, 2), 0.5),
        ("float", math.inf, math.inf),
        ("integer", 42, 42),
        ("integer", 42.0, 42),
        ("integer", True, 1),
        ("integer", np.int64(5), 5),
        ("integer", 2**70, 2**70),
        ("string", 42, "42"),
        ("choice", "a", "a"),
        ("module", "ChainOfThought", "ChainOfThought"),
        ("boolean", False, False),
        ("embedding", [1, 2.5, True], [1.0, 2.5, 1.0]),
        ("embedding", np.array([1.5, 2.5]), [1.5, 2.5]),
        ("tensor", np.array([[1, 2], [3, 4]]), {"shape": [2, 2], "data": [[1, 2], [3, 4]]}),
        ("tensor", {"shape": [1], "data": [1], "more": 1}, {"shape": [1], "data": [1], "more": 1}),
        ("map", {"a": 1}, {"a": 1}),
        ("anything", None, None),
    ],
)
def test_a_value_takes_the_form_of_its_type(type_name: str, value: Any, form: Any) -> None:
    found = normalised(value, type_name)

    assert found == form
    assert type(found) is type(form)


@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        ("float", "1.5"),
        ("float", None),
        ("float", 10**400),
        ("integer", 1.5),
        ("integer", math.nan),
        ("integer", "1"),
        ("boolean", 1),
        ("boolean", "true"),
        ("embedding", (1.0, 2.0)),
        ("embedding", [1.0, "x"]),
        ("embedding", [None]),
        ("tensor", [1, 2]),
        ("tensor", {"data": [1]}),
    ],
)
def test_what_is_not_of_its_type_is_refused(type_name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        normalised(value, type_name)


def test_a_refusal_names_the_type_and_not_the_value() -> None:
    with pytest.raises(ValueError, match=r"^A value of type 'str' is no float\.$"):
        normalised("secret", "float")
