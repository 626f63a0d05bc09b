from __future__ import annotations

import io
import pickle
import sys
from contextlib import redirect_stdout
from typing import Any

import pyarrow as pa
import pytest

from snakepit_bridge.values.binary.arrow_streams import (
    pyarrow_if_installed,
    stream_of,
    table_of,
    types_in,
)

TABLE = pa.table(
    {
        "numbers": pa.array([1, 2, None]),
        "names": pa.array(["x", None, "y"]).dictionary_encode(),
        "nested": pa.array([[{"flag": True}], None, []]),
        "when": pa.array([0, 1, 2], pa.timestamp("us", tz="Europe/Berlin")),
    }
)


def test_a_table_comes_back_equal() -> None:
    returned = table_of(pa, stream_of(pa, TABLE))

    assert returned.equals(TABLE, check_metadata=True)


def test_the_data_of_a_table_are_not_copied_out_of_its_stream() -> None:
    data = bytearray(stream_of(pa, pa.table({"a": [1, 2, 3]})))
    place = bytes(data).rindex((3).to_bytes(8, "little"))

    table = table_of(pa, memoryview(data))
    data[place] = 9

    assert table.column("a").to_pylist() == [1, 2, 9]


def test_a_stream_at_an_odd_place_is_copied_to_an_even_one() -> None:
    data = b"\0" * 3 + bytes(stream_of(pa, TABLE))

    table = table_of(pa, memoryview(data)[3:])

    assert table.equals(TABLE)
    assert table.column("numbers").chunk(0).buffers()[1].address % 8 == 0


def test_every_type_is_found_however_deep() -> None:
    schema = pa.schema(
        [
            ("a", pa.list_(pa.struct([("b", pa.dictionary(pa.int8(), pa.string_view()))]))),
            ("c", pa.map_(pa.int8(), pa.uuid())),
        ]
    )

    found = set(map(str, types_in(schema)))

    assert {"string_view", "int8", "fixed_size_binary[16]"} <= found


@pytest.mark.parametrize("name", [b"numbers", b"flag", b"Europe/Berlin"])
def test_names_that_are_no_text_are_found_at_once(name: bytes) -> None:
    data = bytes(stream_of(pa, TABLE)).replace(name, b"\xff" * len(name))

    with pytest.raises(UnicodeDecodeError):
        table_of(pa, data)


def test_texts_that_are_none_are_found_at_once() -> None:
    data = bytes(stream_of(pa, pa.table({"a": ["needle"]}))).replace(b"needle", b"\xff" * 6)

    with pytest.raises(pa.ArrowInvalid, match="UTF8"):
        table_of(pa, data)


def test_offsets_that_point_elsewhere_are_found_at_once() -> None:
    data = bytes(stream_of(pa, pa.table({"a": ["needle"]})))
    end = (6).to_bytes(4, "little")
    data = data.replace(end + b"needle", b"\xff\xff\xff\x7fneedle")

    with pytest.raises(pa.ArrowInvalid):
        table_of(pa, data)


def test_an_extension_type_that_was_pickled_stays_as_it_is_stored() -> None:
    """Old versions of pyarrow unpickled it, and so ran whatever it said."""

    class Told:
        def __reduce__(self) -> tuple[Any, ...]:
            return print, ("unpickled",)

    metadata = {
        "ARROW:extension:name": "arrow.py_extension_type",
        "ARROW:extension:metadata": pickle.dumps(Told()),
    }
    schema = pa.schema([pa.field("a", pa.int64(), metadata=metadata)])
    table = pa.Table.from_arrays([pa.array([1])], schema=schema)
    out = io.StringIO()

    with redirect_stdout(out):
        returned = table_of(pa, stream_of(pa, table))

    assert returned.column("a").type == pa.int64()
    assert not out.getvalue()


def test_without_the_library_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pyarrow_if_installed() is pa

    monkeypatch.setitem(sys.modules, "pyarrow", None)

    assert pyarrow_if_installed() is None
