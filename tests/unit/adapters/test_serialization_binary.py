from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from snakepit_bridge.adapters.serialization_binary import (
    BINARY_THRESHOLD,
    Raw,
    raw_from,
    value_from_raw,
)

MOST = BINARY_THRESHOLD // 8
"""Elements that still travel as JSON."""


def _raw(value: Any, type_name: str) -> Raw:
    raw = raw_from(value, type_name)
    assert raw is not None
    return raw


def _tensor(*shape: int, data: Any) -> dict[str, Any]:
    return {"shape": list(shape), "data": data}


@pytest.mark.parametrize(
    ("value", "type_name"),
    [
        ([0.5] * MOST, "embedding"),
        (np.zeros(MOST), "embedding"),
        (np.zeros((MOST // 2, 2)), "tensor"),
        (_tensor(MOST, data=[1] * MOST), "tensor"),
        ([0.5] * (MOST + 1), "list"),
        ("x" * 100_000, "string"),
    ],
    ids=["list", "array", "array tensor", "tensor", "another type", "text"],
)
def test_what_is_small_or_of_another_type_stays_json(value: Any, type_name: str) -> None:
    assert raw_from(value, type_name) is None


@pytest.mark.parametrize(
    "value",
    [
        _tensor(MOST + 1, data=[1] * MOST + [0.5]),
        _tensor(MOST + 1, data=[1] * MOST + [2**70]),
        _tensor(MOST + 1, data=[None] * (MOST + 1)),
        _tensor(3, data=[1] * (MOST + 1)),
        _tensor(MOST + 1, data=[[1]] * MOST + [2]),
        {"shape": "wide", "data": [1] * (MOST + 1)},
        {"shape": [True], "data": [1] * (MOST + 1)},
        np.array([{"a": 1}] * (MOST + 1)),
        np.zeros(MOST + 1, dtype=complex),
    ],
    ids=["mixed", "long", "no numbers", "short", "ragged", "shape", "axis", "objects", "complex"],
)
def test_what_would_change_in_raw_bytes_stays_json(value: Any) -> None:
    assert raw_from(value, "tensor") is None


def test_a_list_that_contains_itself_stays_json() -> None:
    circle: list[Any] = []
    circle.append(circle)

    assert raw_from({"shape": [1], "data": circle}, "tensor") is None


@pytest.mark.defect("D4")
def test_all_elements_of_a_tensor_count() -> None:
    """Once only its rows did, so a wide tensor stayed text however large it was."""
    raw = _raw(_tensor(10, 200, data=[[0.5] * 200] * 10), "tensor")

    assert raw.description == {
        "shape": [10, 200],
        "dtype": "float64",
        "binary_format": "raw",
        "type": "tensor",
    }
    assert len(raw.data) == 10 * 200 * 8
    assert raw.data[:8] == b"\0\0\0\0\0\0\xe0?"


@pytest.mark.defect("D4")
def test_a_large_embedding_comes_back_as_its_list() -> None:
    value = [index / 7 for index in range(MOST + 1)]

    raw = _raw(value, "embedding")

    assert raw.description["dtype"] == "float64"
    assert value_from_raw(raw.description, raw.data) == value


@pytest.mark.defect("D4")
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint64", "bool"])
def test_an_array_keeps_the_type_of_its_elements(dtype: str) -> None:
    array = (np.arange(2 * MOST).reshape(2, MOST) % 2).astype(dtype)

    raw = _raw(array, "tensor")
    returned = value_from_raw(raw.description, raw.data)

    assert raw.description["dtype"] == dtype
    assert returned.dtype == array.dtype
    np.testing.assert_array_equal(returned, array)


@given(
    arrays.arrays(
        dtype=st.sampled_from(["<f8", ">f8", "<f4", ">i4", "i8", "u2", "?"]),
        shape=arrays.array_shapes(max_dims=2, max_side=3).map(lambda shape: (MOST + 1, *shape)),
        elements=st.just(0),
        fill=st.just(1),
    )
)
def test_any_array_comes_back_equal(array: Any) -> None:
    raw = _raw(array, "tensor")

    np.testing.assert_array_equal(value_from_raw(raw.description, raw.data), array)


@pytest.mark.defect("D46")
def test_tensors_travel_without_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    rows = [[index, -index] for index in range(MOST)]

    raw = _raw(_tensor(MOST, 2, data=rows), "tensor")

    assert raw.description["dtype"] == "int64"
    assert value_from_raw(raw.description, raw.data) == _tensor(MOST, 2, data=rows)


@pytest.mark.parametrize(
    ("shape", "rows"),
    [([], 1), ([2], [1, 2]), ([2, 0], [[], []]), ([0, 2], []), ([1, 2, 1], [[[1], [2]]])],
)
def test_elements_are_nested_by_their_shape(
    shape: list[int], rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    count = 1 if not shape else int(np.prod(shape))
    description = {"shape": shape, "dtype": "int8", "binary_format": "raw", "type": "tensor"}

    returned = value_from_raw(description, bytes(range(1, count + 1)))

    assert returned == {"shape": shape, "data": rows}


@pytest.mark.defect("D4", "D35")
@pytest.mark.parametrize(
    "description",
    [
        {"shape": [1], "dtype": "float32", "binary_format": "pickle", "type": "tensor"},
        {"shape": [1], "dtype": "float32", "binary_format": "erlang_binary", "type": "tensor"},
        {"shape": [1], "dtype": "float32", "type": "tensor"},
        [],
        None,
    ],
)
def test_pickled_data_are_never_read(description: Any) -> None:
    with pytest.raises(ValueError, match=r"only 'raw' is read.*Pickled data are never read"):
        value_from_raw(description, b"\x80\x04N.")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dtype": "object"}, "Elements of type 'object' are not read"),
        ({"dtype": None}, "Elements of type 'None' are not read"),
        ({"dtype": [1]}, "are not read"),
        ({"shape": [3]}, "16 bytes do not hold float64 elements of shape"),
        ({"shape": [-1, -2]}, "do not hold"),
        ({"shape": [2.0]}, "do not hold"),
        ({"shape": 2}, "do not hold"),
        ({"shape": None}, "do not hold"),
    ],
)
def test_bytes_that_are_not_what_they_are_described_as_are_refused(
    wrong: dict[str, Any], message: str
) -> None:
    right = {"shape": [2], "dtype": "float64", "binary_format": "raw", "type": "tensor"}
    assert value_from_raw(right, b"\0" * 16).tolist() == [0.0, 0.0]

    with pytest.raises(ValueError, match=message):
        value_from_raw({**right, **wrong}, b"\0" * 16)


@pytest.mark.parametrize("shape", [[1] * 5000, [10**9, 0]], ids=["too deep", "no elements"])
@pytest.mark.parametrize("type_name", ["embedding", "list"])
def test_a_shape_that_would_fill_the_memory_is_refused(shape: list[int], type_name: str) -> None:
    description = {
        "shape": shape, "dtype": "uint8", "binary_format": "raw", "type": type_name,
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"do not hold|too few"):
        value_from_raw(description, b"" if 0 in shape else b"\0")


def test_lists_that_contain_themselves_twice_stay_json() -> None:
    endless: list[Any] = []
    endless += [endless, endless]

    assert raw_from(_tensor(MOST + 1, data=endless), "tensor") is None
