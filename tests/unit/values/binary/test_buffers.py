from __future__ import annotations

import array
import ctypes
import mmap
from typing import Any, ClassVar

import numpy as np
import pytest

from snakepit_bridge.values.binary.array_forms import array_of_blob
from snakepit_bridge.values.binary.buffers import blob_of_buffer, bytes_blob


class Point(ctypes.Structure):
    _fields_: ClassVar[Any] = (("x", ctypes.c_int),)


def _view(values: Any) -> memoryview:
    return memoryview(values)


@pytest.mark.parametrize("code", "bBhHiIlLqQfd")
def test_an_array_of_the_standard_library_is_a_tensor(code: str) -> None:
    numbers = array.array(code, [1, 2, 3])

    blob = blob_of_buffer(numbers)

    assert blob is not None
    assert blob.dtype == np.dtype(code).name
    assert array_of_blob(blob).tolist() == [1, 2, 3]
    assert isinstance(blob.data, memoryview)
    assert blob.data.readonly


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (
            (ctypes.c_int32 * 2 * 2).from_buffer_copy(_view(np.array([1, 2, 3, 4], "i4"))),
            "int32",
            [[1, 2], [3, 4]],
        ),
        ((ctypes.c_bool * 2)(*[True, False]), "bool", [True, False]),
        ((ctypes.c_double * 0)(), "float64", []),
        (ctypes.c_uint16(7), "uint16", 7),
        (_view(np.arange(6.0)).cast("B").cast("d", (2, 3)), "float64", [[0, 1, 2], [3, 4, 5]]),
        (_view(np.arange(6, dtype="i2"))[::2], "int16", [0, 2, 4]),
        (_view(np.zeros((0, 2), "f2")), "float16", []),
    ],
)
def test_what_shows_its_memory_as_numbers_is_a_tensor(
    value: Any, dtype: str, expected: object
) -> None:
    blob = blob_of_buffer(value)

    assert blob is not None
    assert blob.dtype == dtype
    assert array_of_blob(blob).tolist() == expected


@pytest.mark.parametrize(
    "value",
    [
        object(), "text", b"bytes", bytearray(b"bytes"), memoryview(b"bytes"), 1, None,
        memoryview(b"bytes").cast("b"), memoryview(b"bytes").cast("c"), mmap.mmap(-1, 8),
        _view(np.array(["ab"])), (ctypes.c_char * 2)(), (Point * 2)(), ctypes.pointer(Point()),
        (ctypes.c_int32.__ctype_be__ * 2)(1, 2), _view(np.zeros(2, "i4,f4")),
        ctypes.c_void_p(1), _view(np.zeros(2, "c16")), _view(np.zeros(2, "g")),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_mere_bytes_and_other_formats_are_no_tensors(value: object) -> None:
    blob = blob_of_buffer(value)

    assert blob is None


def test_a_view_that_was_released_is_no_tensor() -> None:
    view = memoryview(array.array("d", [1.0]))
    view.release()

    assert blob_of_buffer(view) is None


@pytest.mark.parametrize(
    "value",
    [
        b"abcd", bytearray(b"abcd"), memoryview(b"abcd"), memoryview(b"abcd").cast("c"),
        memoryview(b"a-b-c-d-")[::2], memoryview(b"abcd").cast("B", (2, 2)),
    ],
)  # fmt: skip
def test_bytes_are_a_blob_however_they_lie(value: Any) -> None:
    blob = bytes_blob(value)

    assert (blob.kind, bytes(blob.data)) == ("bytes", b"abcd")
    assert blob.nbytes == 4


def test_bytes_are_not_copied() -> None:
    data = bytearray(b"abcd")

    blob = bytes_blob(data)
    data[0] = ord("z")

    assert bytes(blob.data) == b"zbcd"
    assert bytes_blob(b"").data == b""
    assert bytes_blob(bytearray()).nbytes == 0
