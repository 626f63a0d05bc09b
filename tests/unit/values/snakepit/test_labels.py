from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest

from snakepit_bridge.values.refusals import CannotReadError
from snakepit_bridge.values.snakepit.labels import handle_or, type_name_in, value_labelled
from snakepit_bridge.values.snakepit.zero_copy import ZERO_COPY_KEY, ZeroCopyRef


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("type.googleapis.com/snakepit.float", "float"),
        ("type.googleapis.com/google.protobuf.StringValue", "StringValue"),
        ("dspex.variables/float", "float"),
        ("type.googleapis.com/snakepit.tensor.binary", "binary"),
        ("float", "float"),
        ("", ""),
    ],
)
def test_a_label_names_a_type_whatever_stands_before_it(label: str, name: str) -> None:
    assert type_name_in(label) == name


@pytest.mark.parametrize(
    ("type_name", "value", "read"),
    [
        ("float", 1, 1.0),
        ("float", 1.5, 1.5),
        ("float", "Infinity", math.inf),
        ("float", "-Infinity", -math.inf),
        ("float", "1.5", 1.5),
        ("integer", 42.0, 42),
        ("integer", "42", 42),
        ("integer", 2**70, 2**70),
        ("embedding", [1.5, "Infinity"], [1.5, math.inf]),
        ("embedding", {"a": 1}, {"a": 1}),
        ("tensor", [1, 2], [1, 2]),
        ("tensor", {"data": [1]}, {"data": [1]}),
        ("string", 42, 42),
        ("StringValue", {"a": 1}, {"a": 1}),
        ("binary", [1], [1]),
        ("", None, None),
    ],
)
def test_a_label_adds_what_json_lacks(type_name: str, value: object, read: object) -> None:
    found = value_labelled(type_name, value)

    assert found == read
    assert type(found) is type(read)


def test_a_float_that_is_no_number_is_read_from_its_text() -> None:
    assert math.isnan(value_labelled("float", "NaN"))


def test_a_tensor_becomes_an_array() -> None:
    array = value_labelled("tensor", {"data": [1, 2, 3, 4], "shape": [2, 2]})

    assert isinstance(array, np.ndarray)
    assert array.tolist() == [[1, 2], [3, 4]]


def test_a_tensor_stays_a_dict_without_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    tensor = {"data": [1, 2], "shape": [2]}

    assert value_labelled("tensor", tensor) == tensor


@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        ("float", "many"),
        ("float", None),
        ("float", 10**400),
        ("integer", 1.5),
        ("integer", [1]),
        ("integer", "x" * 1000),
        ("tensor", {"data": [1, 2, 3], "shape": [2]}),
        ("tensor", {"data": [1], "shape": "wide"}),
    ],
)
def test_what_is_not_what_its_label_says_is_refused(type_name: str, value: Any) -> None:
    with pytest.raises(CannotReadError, match=f"labelled '{type_name}', which it is not") as caught:
        value_labelled(type_name, value)

    assert len(str(caught.value)) < 200
    assert "StringValue" in caught.value.hint


def test_a_dict_that_describes_a_handle_becomes_one() -> None:
    payload = {ZERO_COPY_KEY: True, "kind": "arrow"}

    assert handle_or(payload) == ZeroCopyRef(payload)


@pytest.mark.parametrize("value", [{}, {ZERO_COPY_KEY: False}, [ZERO_COPY_KEY], ZERO_COPY_KEY])
def test_anything_else_stays_what_it_is(value: object) -> None:
    assert handle_or(value) is value
