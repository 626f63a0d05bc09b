from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from snakepit_bridge.values.binary.array_forms import (
    array_of_blob,
    blob_of_array,
    blob_of_array_like,
    is_of_numpy,
)
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.refusals import CannotReadError

ELEMENTS = st.one_of(
    arrays.boolean_dtypes(),
    arrays.integer_dtypes(endianness="?"),
    arrays.unsigned_integer_dtypes(endianness="?"),
    arrays.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    arrays.complex_number_dtypes(endianness="?", sizes=(64, 128)),
    arrays.datetime64_dtypes(endianness="?"),
    arrays.timedelta64_dtypes(endianness="?"),
)
SHAPES = arrays.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4)
SMALL_FLOATS = ["bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3b11fnuz", "float8_e8m0fnu"]


@st.composite
def _anyhow_in_memory(draw: st.DrawFn) -> np.ndarray[Any, np.dtype[Any]]:
    array = draw(arrays.arrays(draw(ELEMENTS), draw(SHAPES)))
    if draw(st.booleans()):
        array = np.asfortranarray(array)
    if draw(st.booleans()):
        array = array.transpose(draw(st.permutations(range(array.ndim))))
    steps = st.sampled_from([slice(None), slice(None, None, 2), slice(None, None, -1), slice(1, 1)])
    array = array[tuple(draw(steps) for _ in range(array.ndim))]
    if draw(st.booleans()):
        array = np.broadcast_to(array, (2, *array.shape))
    return np.asarray(array)


NO_BOOLEANS = "has bytes other than 0 and 1, but its elements are booleans"


def _tensor(data: Any, dtype: str = "float32", shape: tuple[int, ...] = (2,)) -> Blob:
    return Blob(kind="tensor", dtype=dtype, shape=shape, data=data)


def _blob(value: Any) -> Blob:
    blob = blob_of_array(value)
    assert blob is not None
    return blob


@given(_anyhow_in_memory())
def test_an_array_comes_back_whatever_its_elements_order_and_steps(
    array: np.ndarray[Any, np.dtype[Any]],
) -> None:
    blob = _blob(array)
    returned = array_of_blob(blob)

    assert blob.shape == array.shape
    assert returned.shape == array.shape
    assert returned.dtype == array.dtype.newbyteorder("=")
    assert returned.dtype.isnative
    assert returned.tobytes() == array.astype(returned.dtype).tobytes()
    assert not returned.flags.writeable


@pytest.mark.parametrize("name", SMALL_FLOATS)
def test_small_floats_come_back_bit_by_bit(name: str) -> None:
    array = np.arange(256, dtype="uint8").view(getattr(ml_dtypes, name)).reshape(2, -1)[:, ::2]

    blob = _blob(array)
    returned = array_of_blob(blob)

    assert blob.dtype == name
    assert returned.dtype == array.dtype
    assert returned.tobytes() == array.tobytes()


def test_an_array_in_order_is_not_copied() -> None:
    array = np.zeros((2, 3), "float32")

    blob = _blob(array)
    array[0, 0] = 1.5

    assert array_of_blob(blob)[0, 0] == 1.5
    assert isinstance(blob.data, memoryview)
    assert (blob.data.format, blob.data.ndim, blob.data.readonly) == ("B", 1, True)


@pytest.mark.parametrize(
    "array",
    [np.zeros((2, 3), ">f4"), np.zeros((2, 3), "f4", order="F"), np.zeros((4, 3), "f4")[::2]],
    ids=["big-endian", "Fortran", "with gaps"],
)
def test_an_array_out_of_order_is_copied(array: np.ndarray[Any, np.dtype[Any]]) -> None:
    blob = _blob(array)
    array[0, 0] = 1.5

    assert array_of_blob(blob)[0, 0] == 0


def test_an_array_that_was_read_is_a_view_that_cannot_be_written_to() -> None:
    data = bytearray(8)

    array = array_of_blob(_tensor(memoryview(data)))
    data[:4] = np.float32(1.5).tobytes()

    assert array.tolist() == [1.5, 0.0]
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 2
    with pytest.raises(ValueError, match="WRITEABLE"):
        array.flags.writeable = True


def test_data_at_an_odd_place_are_copied_to_an_even_one() -> None:
    data = b"\0" + np.array([1.5, 2.5], "float64").tobytes()

    arrays_read = [
        array_of_blob(_tensor(memoryview(data)[1:], "float64")),
        array_of_blob(_tensor(memoryview(b"\0" * 4 + data)[5:], "float64")),
    ]

    assert [array.tolist() for array in arrays_read] == [[1.5, 2.5]] * 2
    assert all(array.flags.aligned and not array.flags.writeable for array in arrays_read)


@pytest.mark.parametrize(
    "number",
    [
        np.float32(1.5), np.int64(-3), np.bool_(1), np.complex64(1 + 2j), np.longlong(5),
        np.datetime64("2026-01-11T10:30:00.000000001"), np.timedelta64(5, "s"),
        ml_dtypes.bfloat16(1.5),
    ],
    ids=repr,
)  # fmt: skip
def test_a_number_of_numpy_comes_back_as_one(number: Any) -> None:
    blob = _blob(number)
    returned = array_of_blob(blob)

    assert blob.shape == ()
    assert returned == number
    assert returned.dtype == number.dtype
    assert isinstance(returned, np.generic)


def test_a_tensor_may_have_64_axes_or_no_elements() -> None:
    many, none = np.ones((1,) * 64), np.zeros((3, 0, 2), "int16")

    assert array_of_blob(_blob(many)).shape == many.shape
    assert array_of_blob(_blob(none)).shape == none.shape
    assert _blob(none).nbytes == 0


@pytest.mark.parametrize("kind", [np.matrix, np.memmap])
def test_a_class_of_numpy_that_adds_nothing_is_an_array(kind: type, tmp_path: Any) -> None:
    value: Any = np.memmap(tmp_path / "map", shape=(1, 2), mode="w+").view(kind)
    value[:] = 7

    assert array_of_blob(_blob(value)).tolist() == value.tolist()


class Metres(np.ndarray[Any, np.dtype[Any]]):
    pass


@pytest.mark.parametrize(
    "value",
    [
        np.ma.masked_array([1, 2], [True, False]), np.ma.masked, np.zeros(2).view(Metres),
        np.array(["a"]), np.array([b"a"]), np.array([object()]), np.zeros(2, "i4,f4"),
        np.str_("a"), np.longdouble(1), np.array([1], ml_dtypes.int4), np.void(b"abc"),
    ],
    ids=lambda value: f"{type(value).__name__} of {value.dtype}",
)  # fmt: skip
def test_what_a_tensor_would_lose_something_of_is_none(value: Any) -> None:
    assert blob_of_array(value) is None


def test_values_of_numpy_are_told_by_their_class(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_of_numpy(np.ndarray)
    assert is_of_numpy(np.ma.MaskedArray)
    assert is_of_numpy(np.float64)
    assert is_of_numpy(ml_dtypes.bfloat16)
    assert not is_of_numpy(float)

    monkeypatch.delitem(sys.modules, "numpy")

    assert not is_of_numpy(np.ndarray)


@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        (_tensor(b"\0" * 12, shape=(2, 2)), "has 12 bytes, but float32 of shape (2, 2) needs 16"),
        (_tensor(b"\0" * 4, shape=()) , ""),
        (_tensor(b"", shape=()), "has 0 bytes, but float32 of shape () needs 4"),
        (_tensor(b"\0" * 4, shape=(-1,)), "has an axis of negative length"),
        (_tensor(b"\0" * 4, shape=(-1, -1)), "has an axis of negative length"),
        (_tensor(b"\0" * 4, shape=(1,) * 65), "has 65 axes, and 64 is the most"),
        (_tensor(b"\x00\x02", "bool"), NO_BOOLEANS),
        (_tensor(b"\x02", "bool", ()), NO_BOOLEANS),
        (_tensor(b"", shape=(0, 2**62, 4)),
         f"has a shape that is too large, with {2**62} elements along one of 3 axes"),
        (_tensor(b"", shape=(0, 2**70)),
         "has a shape that is too large, with too many elements along one of 2 axes"),
        (_tensor(b"\0", shape=(10**5000,)),
         "has a shape that is too large, with too many elements along one of 1 axes"),
    ],
)  # fmt: skip
def test_data_that_do_not_fit_are_refused_with_what_does_not(blob: Blob, reason: str) -> None:
    if not reason:
        assert array_of_blob(blob) == 0
        return
    with pytest.raises(CannotReadError) as caught:
        array_of_blob(blob)

    assert caught.value.reason == reason
    assert caught.value.hint


@given(
    st.sampled_from(["bool", "int8", "float64", "datetime64[7D]", "bfloat16", "complex64", "x"]),
    st.lists(st.integers(-1, 2**65) | st.integers(0, 3), max_size=70).map(tuple),
    st.binary(max_size=64),
)
def test_of_whatever_arrives_there_is_an_array_or_a_refusal(
    dtype: str, shape: tuple[int, ...], data: bytes
) -> None:
    blob = _tensor(data, dtype, shape)

    try:
        array = array_of_blob(blob)
    except CannotReadError:
        return

    assert array.shape == shape


@pytest.mark.parametrize(
    ("dtype", "meant"),
    [
        ("object", ""),
        ("|O", ""),
        ("V8", ""),
        ("", ""),
        ("float7", "Did you mean 'float"),
        ("f4", "Did you mean 'float32'?"),
        (">f4", "Did you mean 'float32'?"),
        ("<u8", "Did you mean 'uint64'?"),
        ("x" * 10**5, ""),
    ],
    ids=lambda given: given[:10],
)
def test_elements_of_an_unknown_type_are_refused_with_those_that_are_known(
    dtype: str, meant: str
) -> None:
    with pytest.raises(CannotReadError, match="has elements of the unknown type") as caught:
        array_of_blob(_tensor(b"\0" * 8, dtype, (1,)))

    assert caught.value.hint.startswith(meant or "Send one of bool, ")
    assert "float32" in caught.value.hint


def test_a_tensor_stays_a_blob_where_its_library_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    numbers, small = _tensor(b"\0" * 8), _tensor(b"\0" * 4, "bfloat16")

    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    assert array_of_blob(small) is small
    assert array_of_blob(numbers).tolist() == [0, 0]

    monkeypatch.setitem(sys.modules, "numpy", None)
    assert array_of_blob(numbers) is numbers
    assert blob_of_array_like(object()) is None
    with pytest.raises(CannotReadError):
        array_of_blob(_tensor(b"\0" * 7))


class Foreign:
    """An array of another library, on this device."""

    def __init__(self, array: Any) -> None:
        self._array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        device: tuple[int, int] = self._array.__dlpack_device__()
        return device


class OnOtherDevice(Foreign):
    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, 0)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self._array.copy()


class Interface:
    def __init__(self, array: Any) -> None:
        self.__array_interface__ = array.__array_interface__
        self._array = array

    __array_interface__: Any = None


def test_an_array_of_another_library_shares_its_memory() -> None:
    array = np.arange(6, dtype="int32").reshape(2, 3)

    for foreign in (Foreign(array), Interface(array)):
        blob = blob_of_array_like(foreign)
        array[0, 0] += 1

        assert blob is not None
        assert (blob.dtype, blob.shape) == ("int32", (2, 3))
        assert array_of_blob(blob).tolist() == array.tolist()


def test_an_array_on_another_device_is_copied_from_there() -> None:
    blob = blob_of_array_like(OnOtherDevice(np.array([1.5])))

    assert blob is not None
    assert array_of_blob(blob).tolist() == [1.5]


class Tensor:
    """As much of torch's as is asked of it."""

    def __init__(self, array: Any, dtype: str) -> None:
        self.dtype = f"torch.{dtype}"
        self._array = array

    def detach(self) -> Tensor:
        return self

    cpu = resolve_conj = resolve_neg = contiguous = detach

    def view(self, dtype: Any) -> Tensor:
        return Tensor(np.ascontiguousarray(self._array).view(dtype), np.dtype(dtype).name)

    def numpy(self) -> Any:
        return self._array


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float8_e5m2"])
def test_a_tensor_of_torch_is_one_small_floats_included(
    monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    torch = ModuleType("torch")
    vars(torch).update(Tensor=Tensor, uint8=np.uint8, int16=np.int16)
    monkeypatch.setitem(sys.modules, "torch", torch)
    array = np.array([[1.5, 2], [3, 4]], dtype).T

    blob = blob_of_array_like(Tensor(array, dtype))

    assert blob is not None
    assert (blob.dtype, blob.shape) == (dtype, (2, 2))
    assert array_of_blob(blob).tolist() == array.tolist()
