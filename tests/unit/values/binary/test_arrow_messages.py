from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from snakepit_bridge.values.binary import arrow_messages
from snakepit_bridge.values.binary.arrow_messages import check_messages
from snakepit_bridge.values.refusals import CannotReadError


def _stream(table: Any, compression: str | None = None) -> Any:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.getvalue()


TABLE = pa.table(
    {
        "numbers": pa.array([1, 2, None]),
        "names": pa.array(["x", None, "y"]).dictionary_encode(),
        "nested": pa.array([{"flag": True}, None, {"flag": False}]),
    }
)


@pytest.mark.parametrize("compression", [None, "zstd", "lz4"])
@pytest.mark.parametrize("table", [TABLE, TABLE.slice(0, 0), pa.table({}), pa.table({"a": []})])
def test_a_common_table_is_within_bounds(table: Any, compression: str | None) -> None:
    check_messages(pa, _stream(table, compression))


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
@pytest.mark.parametrize("is_dictionary", [False, True])
def test_a_table_that_compression_hides_is_refused(
    monkeypatch: pytest.MonkeyPatch, compression: str, *, is_dictionary: bool
) -> None:
    monkeypatch.setattr(arrow_messages, "ALWAYS_UNPACKED", 1000)
    column = pa.array(["\0" * 10_000_000])
    table = pa.table({"a": column.dictionary_encode() if is_dictionary else column})
    buffer = _stream(table, compression)

    with pytest.raises(CannotReadError, match=r"is a table of 1000\d{4} bytes, compressed to \d+"):
        check_messages(pa, buffer)


def test_a_small_table_may_be_compressed_as_much_as_it_likes() -> None:
    check_messages(pa, _stream(pa.table({"a": ["\0" * 1_000_000]}), "zstd"))


@pytest.mark.parametrize(
    "column",
    [
        pa.nulls(20_000_000),
        pa.RunEndEncodedArray.from_arrays(pa.array([2**30], pa.int32()), pa.array([1])),
        pa.FixedSizeListArray.from_arrays(pa.nulls(20_000_000), 20_000_000),
    ],
    ids=["nothing", "one run", "a list of nothing"],
)
def test_elements_that_take_no_bytes_are_counted(column: Any) -> None:
    with pytest.raises(CannotReadError, match=r"is a table of \d+ elements in \d+ bytes"):
        check_messages(pa, _stream(pa.table({"a": column})))


def test_a_column_of_nothing_may_have_some_millions_of_rows() -> None:
    check_messages(pa, _stream(pa.table({"a": pa.nulls(9_000_000)})))


def test_what_follows_the_end_of_a_stream_is_refused() -> None:
    data = _stream(TABLE).to_pybytes()

    with pytest.raises(CannotReadError, match=f"ends after {len(data)} of its {len(data) + 3}"):
        check_messages(pa, pa.py_buffer(data + b"abc"))


def test_a_stream_without_the_mark_of_its_end_is_refused() -> None:
    data = _stream(TABLE).to_pybytes()

    with pytest.raises(CannotReadError, match="stops between two batches"):
        check_messages(pa, pa.py_buffer(data[:-8]))
