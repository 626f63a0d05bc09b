from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.grpc.bridge_numbers import MAX_NUMBERS, numbers_from


@pytest.mark.parametrize(
    ("dtype", "code"),
    [
        ("float16", "e"),
        ("float32", "f"),
        ("float64", "d"),
        ("int8", "b"),
        ("int16", "h"),
        ("int32", "i"),
        ("int64", "q"),
        ("uint8", "B"),
        ("uint16", "H"),
        ("uint32", "I"),
        ("uint64", "Q"),
        ("bool", "?"),
    ],
)
def test_numbers_are_little_endian_in_their_full_size(dtype: str, code: str) -> None:
    data = struct.pack(f"<3{code}", 0, 1, 1)

    shape, numbers = numbers_from(data, {"dtype": dtype}, "It")

    assert (shape, numbers) == ([3], [0, 1, 1])


@given(shape=st.lists(st.integers(0, 4), max_size=4), data=st.data())
def test_rows_are_those_that_numpy_reads(shape: list[int], data: st.DataObject) -> None:
    size = int(np.prod(shape, dtype=int))
    numbers = data.draw(st.lists(st.integers(-128, 127), min_size=size, max_size=size))
    array = np.array(numbers, dtype="<i2").reshape(shape)

    read = numbers_from(array.tobytes(), {"dtype": "int16", "shape": shape}, "It")

    assert read == (shape, array.tolist())


@pytest.mark.parametrize("dtype", [None, "float", "bfloat16", ["float32"]])
def test_elements_of_an_unknown_type_are_refused(dtype: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="It has elements of type") as caught:
        numbers_from(b"", {"dtype": dtype, "shape": [0]}, "It")

    assert "float32" in caught.value.hint


@pytest.mark.parametrize("shape", [[2], [1, 2], [-1, -1], [1.0], ["1"], "1", [True], 1])
def test_bytes_that_do_not_fill_the_shape_are_refused(shape: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="It comes as 4 bytes, not as float32"):
        numbers_from(b"\0" * 4, {"dtype": "float32", "shape": shape}, "It")


def test_bytes_that_end_within_a_number_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="It comes as 5 bytes"):
        numbers_from(b"\0" * 5, {"dtype": "float32"}, "It")


def test_more_numbers_than_lists_should_hold_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="has 1000001 numbers"):
        numbers_from(bytes(MAX_NUMBERS + 1), {"dtype": "uint8"}, "It")
