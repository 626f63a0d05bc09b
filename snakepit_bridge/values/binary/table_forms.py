"""Translates between tables and blobs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from snakepit_bridge.values.binary import pandas_forms, polars_forms
from snakepit_bridge.values.binary.arrow_streams import pyarrow_if_installed, stream_of, table_of
from snakepit_bridge.values.blob import ARROW, Blob

if TYPE_CHECKING:
    from types import ModuleType

BATCH, ARRAY, CHUNKED = "pyarrow.batch", "pyarrow.array", "pyarrow.chunked"

_COLUMN = "values"
"""Of a table that holds a single array."""


def blob_of_pandas(value: Any) -> Blob | None:
    """The binary form of an object of pandas; ``None``: it has none, or pyarrow is missing.

    Raises:
        Exception: Arrow cannot express it.
    """
    pyarrow = pyarrow_if_installed()
    if pyarrow is None:
        return None
    found = pandas_forms.table_of_pandas(pyarrow, value)
    return None if found is None else _blob(pyarrow, *found)


def blob_of_polars(value: Any) -> Blob | None:
    """The binary form of an object of polars, for which pyarrow is not needed.

    Raises:
        Exception: Arrow cannot express it.
    """
    found = polars_forms.stream_of_polars(pyarrow_if_installed(), value)
    return None if found is None else Blob(kind=ARROW, dtype=found[0], data=found[1])


def blob_of_pyarrow(value: Any) -> Blob | None:
    """The binary form of a table, record batch, array or chunked array of pyarrow.

    Returns:
        The blob; ``None`` for other objects, readers among them: reading empties them.

    Raises:
        Exception: The stream cannot express it, e.g. two dictionaries for the same column.
    """
    pyarrow = sys.modules["pyarrow"]
    if isinstance(value, pyarrow.Table):
        return _blob(pyarrow, "", value)
    if isinstance(value, pyarrow.RecordBatch):
        return _blob(pyarrow, BATCH, pyarrow.Table.from_batches([value]))
    if isinstance(value, pyarrow.Array | pyarrow.ChunkedArray):
        kind = ARRAY if isinstance(value, pyarrow.Array) else CHUNKED
        return _blob(pyarrow, kind, pyarrow.table({_COLUMN: value}))
    return None


def blob_of_arrow_stream(value: Any) -> Blob | None:
    """The table of an object whose class has ``__arrow_c_stream__``; ``None`` without pyarrow.

    Raises:
        Exception: Whatever that library raises.
    """
    pyarrow = pyarrow_if_installed()
    return None if pyarrow is None else _blob(pyarrow, "", pyarrow.table(value))


def table_of_blob(blob: Blob) -> Any:
    """What an Arrow stream stands for.

    Returns:
        What the blob's dtype says where that library is installed, else a ``pyarrow.Table``; the
        blob itself without pyarrow.

    Raises:
        CannotReadError: It would take far more memory than its bytes.
        Exception: It is no such stream, or a damaged one.
    """
    pyarrow = pyarrow_if_installed()
    if pyarrow is None:
        return blob
    table = table_of(pyarrow, blob.data)
    found = _object_of(pyarrow, table, blob.dtype)
    return table if found is None else found


def _object_of(pyarrow: ModuleType, table: Any, kind: str) -> Any:
    library = kind.partition(".")[0]
    if library == "pandas":
        return pandas_forms.pandas_of_table(table, kind)
    if library == "polars":
        return polars_forms.polars_of_table(table, kind)
    if kind == BATCH:
        batches = table.combine_chunks().to_batches()
        return batches[0] if batches else pyarrow.RecordBatch.from_pylist([], table.schema)
    if kind in {ARRAY, CHUNKED}:
        column = table.column(_COLUMN)
        return column if kind == CHUNKED else column.combine_chunks()
    return None


def _blob(pyarrow: ModuleType, kind: str, table: Any) -> Blob:
    return Blob(kind=ARROW, dtype=kind, data=stream_of(pyarrow, table))
