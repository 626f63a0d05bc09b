from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest

from snakepit_bridge.values.binary.tensors import (
    array_from,
    array_of_bytes,
    bytes_of_array,
    is_array,
    numpy_if_installed,
)


@pytest.fixture
def _without_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)


def test_arrays_are_told_from_what_looks_like_one() -> None:
    assert is_array(np.zeros(2))
    assert not is_array([0.0, 0.0])
    assert not is_array(np.float64(1.5))


@pytest.mark.usefixtures("_without_numpy")
def test_nothing_is_an_array_where_numpy_is_not_loaded() -> None:
    assert numpy_if_installed() is None
    assert not is_array([1])


@pytest.mark.parametrize("data", [[1, 2, 3, 4, 5, 6], [[1, 2], [3, 4], [5, 6]]])
def test_numbers_take_the_shape_of_their_tensor(data: list[Any]) -> None:
    array = array_from(data, [2, 3])

    assert array.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert array.dtype == np.int64


def test_special_floats_in_a_tensor_are_numbers_again() -> None:
    array = array_from([["NaN", 1.5], ["Infinity", "-Infinity"]], [4])

    assert array.dtype == np.float64
    assert math.isnan(array[0])
    assert array.tolist()[1:] == [1.5, math.inf, -math.inf]


def test_texts_beside_a_special_float_or_a_number_change_neither() -> None:
    assert array_from(["a", "NaN"], [2]).tolist() == ["a", "NaN"]
    assert array_from([1, "a"], [2]).tolist() == [1, "a"]


def test_a_tensor_of_texts_stays_one() -> None:
    assert array_from(["a", "b"], [2, 1]).tolist() == [["a"], ["b"]]


@pytest.mark.parametrize("data", [[1, 2, 3], [[1], [2, 3]]], ids=["too few", "ragged"])
def test_numbers_that_do_not_fill_the_shape_are_refused(data: list[Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        array_from(data, [2, 2])


@pytest.mark.defect("D46")
@pytest.mark.usefixtures("_without_numpy")
def test_a_tensor_stays_its_description_where_numpy_is_not_installed() -> None:
    assert array_from([1, 2], [2]) == {"data": [1, 2], "shape": [2]}
    assert array_of_bytes(b"\0" * 8, "float64", [1]) is None


@pytest.mark.parametrize("order", ["<", ">"])
def test_an_array_comes_back_from_its_little_endian_bytes(order: str) -> None:
    array = np.arange(6, dtype=f"{order}i4").reshape(2, 3)

    data = bytes_of_array(array)
    returned = array_of_bytes(data, "int32", [2, 3])

    assert data[:8] == b"\0\0\0\0\1\0\0\0"
    assert returned.tolist() == array.tolist()
    assert returned.dtype == np.int32


def test_the_bytes_of_an_array_go_row_by_row_whatever_its_memory_is_like() -> None:
    array = np.asfortranarray(np.arange(6, dtype=np.int8).reshape(2, 3))

    assert bytes_of_array(array) == b"\0\1\2\3\4\5"


def test_an_array_from_bytes_can_be_written_to() -> None:
    array = array_of_bytes(b"\1\2", "int8", [2])

    array[0] = 5

    assert array.tolist() == [5, 2]
