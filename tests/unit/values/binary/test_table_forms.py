from __future__ import annotations

import sys
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from snakepit_bridge.values.binary.table_forms import (
    blob_of_arrow_stream,
    blob_of_pandas,
    blob_of_polars,
    blob_of_pyarrow,
    table_of_blob,
)
from snakepit_bridge.values.blob import Blob

TABLE = pa.table({"a": [1, 2, None], "b": ["x", None, "y"]})


def _blob(blob: Blob | None) -> Blob:
    assert blob is not None
    assert blob.kind == "arrow"
    assert isinstance(blob.data, memoryview)
    assert blob.data.format == "B"
    return blob


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (TABLE, ""),
        (pa.table({}), ""),
        (TABLE.slice(1, 1), ""),
        (TABLE.replace_schema_metadata({"k": "v"}), ""),
        (pa.concat_tables([TABLE, TABLE]), ""),
        (TABLE.to_batches()[0], "pyarrow.batch"),
        (TABLE.slice(0, 0).combine_chunks(), ""),
        (pa.RecordBatch.from_pylist([], schema=TABLE.schema), "pyarrow.batch"),
        (pa.array([1, None]), "pyarrow.array"),
        (pa.array([]), "pyarrow.array"),
        (pa.array(["x", "y", "x"]).dictionary_encode(), "pyarrow.array"),
        (pa.array([[1], None]), "pyarrow.array"),
        (pa.chunked_array([[1], [2, 3]]), "pyarrow.chunked"),
        (pa.chunked_array([], pa.int8()), "pyarrow.chunked"),
    ],
)
def test_what_arrow_has_comes_back_equal(value: Any, dtype: str) -> None:
    blob = _blob(blob_of_pyarrow(value))

    returned = table_of_blob(blob)

    assert blob.dtype == dtype
    assert type(returned) is type(value)
    assert returned.equals(value)
    assert getattr(returned, "schema", None) == getattr(value, "schema", None)


@pytest.mark.parametrize(
    "value", [TABLE.to_reader(), pa.scalar(1), pa.int8(), TABLE.schema, pa.py_buffer(b"x")]
)
def test_what_is_no_table_has_no_blob(value: Any) -> None:
    assert blob_of_pyarrow(value) is None


def test_frames_come_back_as_what_they_were() -> None:
    pandas, polars = pd.DataFrame({"a": [1]}), pl.DataFrame({"a": [1]})

    from_pandas, from_polars = _blob(blob_of_pandas(pandas)), _blob(blob_of_polars(polars))

    assert (from_pandas.dtype, from_polars.dtype) == ("pandas", "polars")
    assert table_of_blob(from_pandas).equals(pandas)
    assert table_of_blob(from_polars).equals(polars)
    assert blob_of_pandas(pd.NA) is None
    assert blob_of_polars(polars.lazy()) is None


class Result:
    """What a database returns."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return TABLE.__arrow_c_stream__(requested_schema)


def test_a_stream_of_another_library_is_a_table() -> None:
    returned = table_of_blob(_blob(blob_of_arrow_stream(Result())))

    assert returned.equals(TABLE)


@pytest.mark.parametrize("dtype", ["pandas", "pandas.series", "polars", "polars.series"])
def test_where_a_library_is_missing_its_frames_are_tables(
    monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    monkeypatch.setitem(sys.modules, dtype.partition(".")[0], None)
    table = pa.table({"a": [1]})

    returned = table_of_blob(
        Blob(kind="arrow", dtype=dtype, data=_blob(blob_of_pyarrow(table)).data)
    )

    assert returned.equals(table)


def test_a_library_that_nobody_knows_sends_tables() -> None:
    data = _blob(blob_of_pyarrow(TABLE)).data

    assert table_of_blob(Blob(kind="arrow", dtype="explorer", data=data)).equals(TABLE)


def test_without_pyarrow_only_polars_writes_and_nobody_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Polars' own reader ends the process when it gets damaged data."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    blob = _blob(blob_of_polars(pl.DataFrame({"a": [1]})))

    assert table_of_blob(blob) is blob
    assert blob_of_pandas(pd.DataFrame({"a": [1]})) is None
    assert blob_of_arrow_stream(Result()) is None
