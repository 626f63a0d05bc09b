from __future__ import annotations

import datetime as dt
import sys
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import pandas as frames

from snakepit_bridge.values.binary.pandas_forms import pandas_of_table, table_of_pandas
from snakepit_bridge.values.refusals import CannotReadError


def _returned(value: Any) -> Any:
    found = table_of_pandas(pa, value)
    assert found is not None
    kind, table = found
    return pandas_of_table(table, kind)


def _objects(*values: object) -> Any:
    return pd.DataFrame({"a": pd.Series(list(values), dtype=object)})


def _one(values: Any) -> Any:
    return pd.DataFrame({"a": values})


FRAMES = {
    "numbers": pd.DataFrame({"a": [1, 2], "b": [1.5, np.nan], "c": ["x", None]}),
    "small numbers": _one(np.array([1.5], "f2")),
    "nullable": _one(pd.array([1, None], dtype="Int64")),
    "nullable floats": _one(pd.array([1.5, None], dtype="Float64")),
    "texts": _one(pd.array(["a", None], dtype="string")),
    "texts as objects": _objects("a", None, "é"),
    "bytes": _objects(b"a", None),
    "decimals": _objects(Decimal("1.10"), Decimal("2.5")),
    "dates": _objects(dt.date(2026, 1, 11), None),
    "nothing": _objects(None, None),
    "categories": _one(pd.Categorical(["a", "b"], ["c", "b", "a"], ordered=True)),
    "periods": _one(pd.period_range("2026", periods=2, freq="M")),
    "intervals": _one(pd.interval_range(0, 2)),
    "times": _one(pd.date_range("2026", periods=2, tz="Europe/Berlin")),
    "times of an offset": _one(
        pd.date_range("2026", periods=2, tz=dt.timezone(dt.timedelta(hours=1)))
    ),
    "seconds": _one(np.array([1, 2], "m8[s]")),
    "columns without names": pd.DataFrame({0: [1], 1: [2]}),
    "columns of two levels": pd.DataFrame(
        [[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", None])
    ),
    "columns of days": pd.DataFrame([[1, 2]], columns=pd.date_range("2026", periods=2)),
    "named columns": pd.DataFrame([[1]], columns=pd.Index(["a"], name="names")),
    "index of two levels": pd.DataFrame(
        {"a": [1, 2]}, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", None])
    ),
    "index of days": pd.DataFrame({"a": [1, 2]}, index=pd.date_range("2026", periods=2, name="d")),
    "index of months": pd.DataFrame({"a": [1]}, index=pd.period_range("2026", periods=1, freq="M")),
    "index that counts": pd.DataFrame({"a": [1, 2]}, index=pd.RangeIndex(3, 7, 2, name="r")),
    "index of texts": pd.DataFrame({"a": [1]}, index=["x"]),
    "nothing at all": pd.DataFrame(),
    "no columns": pd.DataFrame(index=[1, 2]),
    "no columns and an index that counts": pd.DataFrame(index=pd.RangeIndex(2)),
    "no rows": _one(np.array([], "int32")),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_comes_back_equal(name: str) -> None:
    frame = FRAMES[name]

    returned = _returned(frame)

    pd.testing.assert_frame_equal(
        returned, frame, check_exact=True, check_freq=True, check_column_type="equiv"
    )
    assert list(returned.dtypes) == list(frame.dtypes)


def test_the_attributes_of_a_frame_come_back() -> None:
    frame = pd.DataFrame({"a": [1]})
    frame.attrs = {"unit": "m"}

    assert _returned(frame).attrs == {"unit": "m"}


@settings(max_examples=30)
@given(
    frames.data_frames(
        [
            frames.column("a", dtype="int64"),
            frames.column("b", dtype="float64"),
            frames.column("c", dtype="bool"),
            frames.column("d", elements=st.text("aé\0", max_size=3), dtype="str"),
        ],
        index=frames.range_indexes() | frames.indexes(dtype="int64"),
    )
)
def test_any_frame_of_common_columns_comes_back_equal(frame: Any) -> None:
    pd.testing.assert_frame_equal(_returned(frame), frame, check_exact=True)


def test_a_frame_that_was_read_may_be_written_to() -> None:
    returned = _returned(pd.DataFrame({"a": [1, 2], "b": [1.5, 2.5], "c": ["x", "y"]}))

    returned.iloc[0] = [9, 9.5, "z"]

    assert returned.iloc[0].tolist() == [9, 9.5, "z"]


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([1, 2]),
        pd.Series([1.5], name="a", index=["x"]),
        pd.Series(["a", None], name=3, dtype=object),
        pd.Series(["x", "y"], dtype="category", name="values"),
        pd.Series([1, 2], index=pd.date_range("2026", periods=2)),
        pd.Series([], dtype="float32"),
    ],
    ids=repr,
)
def test_a_series_comes_back_equal(series: Any) -> None:
    returned = _returned(series)

    pd.testing.assert_series_equal(returned, series, check_exact=True, check_freq=True)


@pytest.mark.parametrize(
    "index",
    [
        pd.Index([1, 2], name="x"),
        pd.Index(["a", "b"]),
        pd.RangeIndex(3),
        pd.date_range("2026", periods=3),
        pd.timedelta_range("1s", periods=2),
        pd.MultiIndex.from_tuples([(1, "a")], names=["x", "y"]),
        pd.CategoricalIndex(["a", "b"]),
    ],
    ids=lambda index: type(index).__name__,
)
def test_an_index_comes_back_equal(index: Any) -> None:
    returned = _returned(index)

    pd.testing.assert_index_equal(returned, index, exact="equiv", check_freq=True)


class Frame(pd.DataFrame):  # type: ignore[misc]  # pandas has no annotations
    @property
    def _constructor(self) -> Any:
        return Frame


def _with_attribute(value: object) -> Any:
    frame = pd.DataFrame({"a": [1]})
    frame.attrs = {"value": value}
    return frame


@pytest.mark.parametrize(
    "value",
    [
        _objects(1, 2), _objects(*[True, False]), _objects("a", np.nan), _objects("a", b"b"),
        _objects([1], [2]), _objects({"a": 1}), _objects(uuid.UUID(int=1)), _objects(object()),
        _objects(dt.datetime(2026, 1, 11)), _objects(dt.time(1, 2)),  # noqa: DTZ001
        pd.DataFrame([[1, 2]], columns=["a", 1]),
        pd.DataFrame({"a": [1]}, index=pd.Index([5], name=3)),
        pd.DataFrame({"a": [1]}, index=pd.Index([(1,)], dtype=object, tupleize_cols=False)),
        pd.DataFrame({"a": pd.array(["a"], dtype=pd.StringDtype("python"))}),
        pd.DataFrame({"a": [1]}, index=pd.date_range("2026", periods=1, freq=pd.offsets.CDay(
            holidays=["2026-01-02"]))),
        pd.DataFrame({"a": [1]}, index=pd.Index(["x"], dtype=object)),
        pd.Series([1], name=("a",)), _with_attribute((1, 2)),
        _with_attribute(object()), pd.DataFrame([[1, 2]], columns=["a", "a"]),
        Frame({"a": [1]}), pd.Timestamp(0), pd.array([1]), pd.NA, pd.DataFrame.loc,
        pd.DataFrame({"a": [1]}).groupby("a"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_would_come_back_as_something_else_has_no_table(value: Any) -> None:
    assert table_of_pandas(pa, value) is None


@pytest.mark.parametrize(
    "value",
    [
        pd.DataFrame({"a": [1j]}),
        pd.DataFrame({"a": pd.arrays.SparseArray([1, 0])}),
    ],
    ids=["complex", "sparse"],
)
def test_what_arrow_cannot_express_raises(value: Any) -> None:
    with pytest.raises((TypeError, ValueError, NotImplementedError)):
        table_of_pandas(pa, value)


@pytest.mark.parametrize(
    "kind",
    [
        pa.string_view(),
        pa.list_(pa.binary_view()),
        pa.struct([("a", pa.list_view(pa.int8()))]),
        pa.dictionary(pa.int8(), pa.large_list_view(pa.int8())),
        pa.run_end_encoded(pa.int32(), pa.string()),
        pa.list_(pa.dictionary(pa.int8(), pa.string())),
    ],
)
def test_columns_whose_elements_may_share_bytes_are_refused(kind: Any) -> None:
    table = pa.table({"a": pa.chunked_array([], kind)})

    with pytest.raises(CannotReadError, match="share their bytes"):
        pandas_of_table(table, "pandas")


def test_a_column_may_be_called_a_view() -> None:
    table = pa.table({"string_view": pa.array([{"string_view": 1}])})

    assert pandas_of_table(table, "pandas").iloc[0, 0] == {"string_view": 1}


def test_views_in_a_frame_are_not_written_either() -> None:
    frame = pd.DataFrame({"a": pd.array(["x"], dtype=pd.ArrowDtype(pa.string_view()))})

    with pytest.raises(CannotReadError, match="share their bytes"):
        table_of_pandas(pa, frame)


def test_a_series_has_one_column() -> None:
    with pytest.raises(CannotReadError, match="is a series, but has 2 columns"):
        pandas_of_table(pa.table({"a": [1], "b": [2]}), "pandas.series")


def test_a_table_of_somebody_else_becomes_a_frame() -> None:
    returned = pandas_of_table(pa.table({"a": [1], "b": ["x"]}), "pandas")

    assert returned.to_dict("list") == {"a": [1], "b": ["x"]}


def test_without_the_library_there_is_no_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)

    assert pandas_of_table(pa.table({"a": [1]}), "pandas") is None
