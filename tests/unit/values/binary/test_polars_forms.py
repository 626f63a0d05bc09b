from __future__ import annotations

import datetime as dt
import sys
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from polars.testing import assert_frame_equal, assert_series_equal
from polars.testing.parametric import dataframes

from snakepit_bridge.values.binary.arrow_streams import table_of
from snakepit_bridge.values.binary.polars_forms import polars_of_table, stream_of_polars
from snakepit_bridge.values.refusals import CannotReadError

SERIES = {
    "numbers": pl.Series("a", [1, None, 2]),
    "small floats": pl.Series("a", [1.5, None], dtype=pl.Float32),
    "texts": pl.Series("a", ["x", None, "é" * 30]),
    "bytes": pl.Series("a", [b"x", b"", None]),
    "booleans": pl.Series("a", [True, None]),
    "nothing": pl.Series("a", [None, None]),
    "no rows": pl.Series("a", [], dtype=pl.Int8),
    "no name": pl.Series([1]),
    "categories": pl.Series("a", ["x", "y", None], dtype=pl.Categorical),
    "enum": pl.Series("a", ["x", None], dtype=pl.Enum(["y", "x"])),
    "decimals": pl.Series("a", [Decimal("1.10"), None]),
    "durations": pl.Series("a", [dt.timedelta(1), None], dtype=pl.Duration("ms")),
    "times of day": pl.Series("a", [dt.time(1, 2), None]),
    "dates": pl.Series("a", [dt.date(2026, 1, 11), None]),
    "times": pl.Series("a", [0, None], dtype=pl.Datetime("ns", "Europe/Berlin")),
    "lists": pl.Series("a", [[1, 2], [], None]),
    "lists of categories": pl.Series("a", [["x"], None], dtype=pl.List(pl.Categorical)),
    "arrays": pl.Series("a", [[[1, 2]], None], dtype=pl.Array(pl.Int8, (1, 2))),
    "structs": pl.Series("a", [{"b": 1, "c": "x"}, None]),
}


def _returned(value: Any, writer: Any = pa) -> Any:
    found = stream_of_polars(writer, value)
    assert found is not None
    kind, stream = found
    return polars_of_table(table_of(pa, stream), kind)


WRITERS = pytest.mark.parametrize("writer", [pa, None], ids=["pyarrow", "polars"])


@WRITERS
@pytest.mark.parametrize("name", SERIES)
def test_a_series_comes_back_equal(name: str, writer: Any) -> None:
    assert_series_equal(_returned(SERIES[name], writer), SERIES[name])


@pytest.mark.parametrize("name", SERIES)
def test_a_frame_comes_back_equal(name: str) -> None:
    frame = pl.DataFrame({"key": pl.Series(range(len(SERIES[name]))), "a": SERIES[name]})

    assert_frame_equal(_returned(frame), frame)


def test_a_frame_without_columns_comes_back() -> None:
    assert_frame_equal(_returned(pl.DataFrame()), pl.DataFrame())


@WRITERS
@settings(max_examples=30)
@given(
    frame=dataframes(
        max_cols=4,
        max_size=10,
        excluded_dtypes=[pl.Object, pl.Int128, pl.UInt128, pl.Unknown],
        allow_chunks=True,
    )
)
def test_any_frame_comes_back_equal(writer: Any, frame: Any) -> None:
    if frame.height and not frame.width:
        return

    assert_frame_equal(_returned(frame, writer), frame)


@WRITERS
def test_texts_are_written_the_way_that_every_reader_knows(writer: Any) -> None:
    found = stream_of_polars(writer, pl.DataFrame({"a": ["x"]}))

    assert found is not None
    assert table_of(pa, found[1]).column("a").type == pa.large_string()


class Frame(pl.DataFrame):
    pass


@pytest.mark.parametrize(
    "value",
    [
        pl.DataFrame({"a": pl.Series([object()], dtype=pl.Object)}),
        pl.DataFrame({"a": pl.Series([2**100], dtype=pl.Int128)}),
        pl.DataFrame({"a": [[{"b": 2**100}]]}, schema={"a": pl.List(pl.Struct({"b": pl.Int128}))}),
        pl.DataFrame({"a": [1]}).drop("a").lazy(),
        Frame({"a": [1]}),
        pl.col("a"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_would_come_back_as_something_else_has_no_stream(value: Any) -> None:
    assert stream_of_polars(pa, value) is None


def test_rows_without_columns_have_no_stream() -> None:
    frame = pl.DataFrame(height=3)

    assert stream_of_polars(pa, frame) is None


def test_a_series_has_one_column() -> None:
    with pytest.raises(ValueError, match="a series has one column, and not 2"):
        polars_of_table(pa.table({"a": [1], "b": [2]}), "polars.series")


@pytest.mark.parametrize("inner", [pa.list_(pa.int8()), pa.binary(1000), pa.int64()])
def test_columns_whose_elements_may_share_bytes_are_refused(inner: Any) -> None:
    kind = pa.list_(pa.dictionary(pa.int8(), inner))
    table = pa.table({"a": pa.chunked_array([], kind)})

    with pytest.raises(CannotReadError, match="share their bytes"):
        polars_of_table(table, "polars")


def test_what_makes_polars_panic_is_an_error_like_others(
    capfd: pytest.CaptureFixture[str],
) -> None:
    field = pa.field(
        "a", pa.dictionary(pa.uint32(), pa.string()), metadata={"_PL_CATEGORICAL2": "no"}
    )
    column = pa.array(["x"]).dictionary_encode().cast(field.type)

    with pytest.raises(ValueError, match=r"."):
        polars_of_table(pa.Table.from_arrays([column], schema=pa.schema([field])), "polars")

    capfd.readouterr()


def test_without_the_library_there_is_no_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)

    assert polars_of_table(pa.table({"a": [1]}), "polars") is None
