from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from snakepit_bridge.values.binary.array_forms import blob_of_array
from snakepit_bridge.values.binary.scalars import ScalarHeads, is_number
from snakepit_bridge.values.blob import ARROW, TENSOR, Blob


class Meters(np.float64):
    pass


def _head(dtype: str, size: int) -> bytes:
    return f"{dtype}:{size}".encode()


@pytest.mark.parametrize(
    ("value", "head"),
    [
        (np.float64(1), b"float64:8"),
        (np.bool_(1), b"bool:1"),
        (np.complex64(1), b"complex64:8"),
        (np.datetime64(1, "s"), b"datetime64[s]:8"),
        (np.timedelta64(1, "h"), b"timedelta64[h]:8"),
        (ml_dtypes.bfloat16(1), b"bfloat16:2"),
    ],
)
def test_numbers_of_numpy_have_a_head_and_the_bytes_of_their_tensor(
    value: Any, head: bytes
) -> None:
    blob = blob_of_array(value)

    assert ScalarHeads(_head).of(value) == head
    assert blob is not None
    assert bytes(blob.data) == value.tobytes()


@pytest.mark.parametrize(
    "value", [1.5, None, np.zeros(1), Meters(1), np.longdouble(1), np.str_("a"), np.void(b"a")]
)
def test_nothing_else_has(value: Any) -> None:
    assert ScalarHeads(_head).of(value) == b""


def test_each_head_is_made_once_though_one_class_has_several() -> None:
    made: list[str] = []

    def head_of(dtype: str, size: int) -> bytes:
        made.append(dtype)
        return _head(dtype, size)

    heads = ScalarHeads(head_of)
    for _ in range(2):
        heads.of(np.datetime64(1, "s"))
        heads.of(np.datetime64(1, "ms"))
        heads.of(np.longdouble(1))

    assert made == ["datetime64[s]", "datetime64[ms]"]


@pytest.mark.parametrize(
    ("blob", "expected"),
    [
        (Blob(kind=TENSOR, dtype="int8", data=b"1"), True),
        (Blob(kind=TENSOR, dtype="int8", shape=(1,), data=b"1"), False),
        (Blob(kind=TENSOR, dtype="int8", handle="h"), False),
        (Blob(kind=ARROW, data=b"1"), False),
    ],
)
def test_a_tensor_without_axes_is_a_number(blob: Blob, *, expected: bool) -> None:
    assert is_number(blob) is expected
