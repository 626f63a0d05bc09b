from __future__ import annotations

import array
from decimal import Decimal
from typing import Any
from unittest.mock import MagicMock, Mock

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.values.binary.forms import blob_of, bytes_blob, value_of
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.refusals import CannotReadError

TABLE = pa.table(
    {
        "a": pa.array([1, 2, None]),
        "b": pa.array(["x", None, "needle"]),
        "c": pa.array(["x", None, "needle" * 4], pa.string_view()),
        "d": pa.array(["x", "y", "x"]).dictionary_encode(),
        "e": pa.array([[1, 2], None, []]),
        "f": pa.array([{"g": True}, None, {"g": False}]),
    }
)


def _data(value: object) -> bytes:
    blob = blob_of(value)
    assert blob is not None
    return bytes(blob.data)


STREAMS = {
    "": _data(TABLE),
    "pyarrow.batch": _data(TABLE.to_batches()[0]),
    "pyarrow.array": _data(pa.array(["x", "needle"])),
    "pandas": _data(pd.DataFrame({"a": ["x", None], "b": pd.Categorical(["x", "y"])})),
    "pandas.series": _data(pd.Series([1, 2], index=pd.date_range("2026", periods=2))),
    "pandas.index": _data(pd.MultiIndex.from_tuples([(1, "a")])),
    "polars": _data(
        pl.DataFrame(
            {"a": ["x", None], "b": [[1], []], "c": pl.Series(["x", "y"], dtype=pl.Categorical)}
        )
    ),
    "polars.series": _data(pl.Series(["x"], dtype=pl.Enum(["x", "y"]))),
}


class Interface:
    __array_interface__ = np.arange(3).__array_interface__
    kept = np.arange(3)


class Failing:
    def __dlpack__(self) -> object:
        raise LookupError

    def __dlpack_device__(self) -> tuple[int, int]:
        raise LookupError


class Frame(pd.DataFrame):  # type: ignore[misc]  # pandas has no annotations
    pass


class Numbers(list[int]):
    def __array__(self, dtype: object = None, copy: object = None) -> object:
        raise NotImplementedError


class Unlabelled:
    __module__: Any = 5


@pytest.mark.parametrize(
    ("value", "kind", "dtype"),
    [
        (np.zeros(2), "tensor", "float64"),
        (np.float32(1), "tensor", "float32"),
        (array.array("i", [1]), "tensor", "int32"),
        (pd.Series([1]), "arrow", "pandas.series"),
        (pl.DataFrame({"a": [1]}), "arrow", "polars"),
        (TABLE, "arrow", ""),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_a_binary_form_becomes_a_blob(value: object, kind: str, dtype: str) -> None:
    blob = blob_of(value)

    assert blob is not None
    assert (blob.kind, blob.dtype) == (kind, dtype)
    assert type(value_of(blob)) in {type(value), np.ndarray}


@pytest.mark.parametrize(
    "value",
    [
        None, 1, 1.5, "text", b"bytes", bytearray(b"bytes"), memoryview(b"bytes"), [1], {"a": 1},
        object(), Decimal(1), np.ndarray, pd.DataFrame, Mock(), MagicMock(), Mock(spec=np.ndarray),
        MagicMock(spec=pd.DataFrame), Failing(), Frame({"a": [1]}), Numbers([1]), Unlabelled(),
        pd.DataFrame({"a": [1, "x"]}), pl.LazyFrame({"a": [1]}), TABLE.to_reader(),
        np.ma.masked_array([1], [True]), pd.Timestamp(0),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_has_none_has_no_blob(value: object) -> None:
    assert blob_of(value) is None


def test_bytes_come_back_as_bytes() -> None:
    assert value_of(bytes_blob(bytearray(b"abc"))) == b"abc"
    assert type(value_of(bytes_blob(memoryview(b"abc")))) is bytes


@pytest.mark.parametrize("kind", ["", "pickle", "x" * 10_000])
def test_an_unknown_kind_is_refused(kind: str) -> None:
    with pytest.raises(CannotReadError, match="is a blob of the unknown kind") as caught:
        value_of(Blob(kind=kind, data=b"abc"))

    assert len(caught.value.reason) < 300


@pytest.mark.parametrize("dtype", STREAMS)
@pytest.mark.parametrize("data", [b"", b"abc", b"\xff" * 64, b"\xff\xff\xff\xff\0\0\0\0"])
def test_what_is_no_stream_is_refused(dtype: str, data: bytes) -> None:
    with pytest.raises(CannotReadError) as caught:
        value_of(Blob(kind="arrow", dtype=dtype, data=data))

    assert caught.value.reason.startswith(f"cannot be read as {dtype or 'a table'}: ")


@pytest.mark.parametrize("dtype", STREAMS)
def test_a_stream_that_was_cut_is_refused(dtype: str) -> None:
    whole = STREAMS[dtype]

    for length in range(0, len(whole), 4):
        with pytest.raises(CannotReadError):
            value_of(Blob(kind="arrow", dtype=dtype, data=whole[:length]))


@given(st.sampled_from(sorted(STREAMS)), st.data())
def test_of_a_damaged_stream_there_is_a_value_or_a_refusal(dtype: str, data: st.DataObject) -> None:
    stream = bytearray(STREAMS[dtype])
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(stream) - 1))
        stream[place] = data.draw(st.integers(0, 255))

    try:
        value = value_of(Blob(kind="arrow", dtype=dtype, data=bytes(stream)))
    except CannotReadError:
        return

    assert repr(value)
