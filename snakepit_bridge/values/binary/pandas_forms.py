"""Translates between Arrow tables and what pandas has."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from snakepit_bridge.values.binary.arrow_streams import types_in
from snakepit_bridge.values.refusals import CannotReadError

if TYPE_CHECKING:
    from types import ModuleType

FRAME, SERIES, INDEX = "pandas", "pandas.series", "pandas.index"

_OWN = b"snakepit_bridge"
"""Key of the schema's metadata for what Arrow and pandas have no place for, as JSON."""

_UNIFORM = frozenset({"string", "bytes", "decimal", "date", "empty"})
"""Objects that a column can hold and come back as they were."""

_SHARING = ("string_view", "binary_view", "list_view<", "large_list_view<", "run_end_encoded<")
"""Types many elements of which may share the same bytes; pandas would copy these for each."""


def table_of_pandas(pyarrow: ModuleType, value: Any) -> tuple[str, Any] | None:
    """The table that holds all of a frame, series or index.

    Args:
        pyarrow: The library.
        value: An object of a class of pandas.

    Returns:
        What it was, and its table; ``None`` where it would come back as something else, e.g.
        with columns of mixed objects, of two columns with the same name, or for other objects.

    Raises:
        Exception: Arrow cannot express it.
    """
    pandas = sys.modules["pandas"]
    match _kind_of(pandas, value):
        case "pandas.series":
            kind, frame = SERIES, value.to_frame("values")
        case "pandas.index":
            kind, frame = INDEX, pandas.DataFrame(index=value)
        case "pandas":
            kind, frame = FRAME, value
        case _:
            return None
    name = value.name if kind == SERIES else None
    if not (isinstance(name, str | int | None) and _is_expressible(pandas, value, frame)):
        return None
    # A row of nothing leaves no trace in a table.
    table = pyarrow.Table.from_pandas(frame, preserve_index=None if frame.shape[1] else True)
    own = {"name": name, "freqs": [_freq_of(pandas, axis) for axis in frame.axes]}
    table = table.replace_schema_metadata({**table.schema.metadata, _OWN: json.dumps(own).encode()})
    # An empty table shows all that the schema does to a frame.
    returned = _frame_of(pandas, table.slice(0, 0))
    # An index that only counts is kept as three numbers, its length among them.
    is_range = type(frame.index) is pandas.RangeIndex
    is_same = _outline(returned, is_range=is_range) == _outline(frame, is_range=is_range)
    return (kind, table) if is_same else None


def pandas_of_table(table: Any, kind: str) -> Any:
    """The object of pandas that a table holds; its data are copied out of the table.

    Returns:
        The object, which may be written to; ``None`` where pandas is not installed.

    Raises:
        CannotReadError: The table has columns that pandas would need far more memory for.
        Exception: The table says of itself what is not so.
    """
    try:
        import pandas  # noqa: PLC0415  (an optional library)
    except ImportError:
        return None
    frame = _frame_of(pandas, table)
    if kind == FRAME:
        return frame
    if kind == INDEX:
        return frame.index
    if frame.shape[1] != 1:
        raise CannotReadError(
            f"is a series, but has {frame.shape[1]} columns", "Send a series as one column."
        )
    return frame.iloc[:, 0].rename(_own_of(table)["name"])


def _kind_of(pandas: ModuleType, value: Any) -> str:
    kind = type(value)
    if kind is pandas.DataFrame:
        return FRAME
    if kind is pandas.Series:
        return SERIES
    is_own = str(kind.__module__).partition(".")[0] == "pandas"
    return INDEX if is_own and issubclass(kind, pandas.Index) else ""


def _frame_of(pandas: ModuleType, table: Any) -> Any:
    if any(map(_may_grow, table.schema)):
        raise CannotReadError(
            "has columns whose elements may share their bytes, as those of a pandas frame do not",
            "Send it with an empty dtype: then it arrives as a pyarrow.Table.",
        )
    frame = table.to_pandas()
    # Those of the index come last.
    for number, name in enumerate(_objects_in(table)[: frame.shape[1]]):
        if name and frame.dtypes.iloc[number] != "object":
            texts = table.column(name).to_numpy(zero_copy_only=False)
            series = pandas.Series(texts, index=frame.index, dtype=object)
            frame.isetitem(number, series)
    for axis, freq in zip(frame.axes, _own_of(table)["freqs"], strict=False):
        if freq is not None:
            axis.freq = freq
    return frame


def _may_grow(field: Any) -> bool:
    outside, *inside = map(str, types_in([field]))
    # A column of categories stays one; inside of others they are spelt out.
    return outside.startswith(_SHARING) or any(
        kind.startswith((*_SHARING, "dictionary<")) for kind in inside
    )


def _objects_in(table: Any) -> list[str]:
    """For each column of the frame its name in the table where it held texts as objects."""
    described = (table.schema.pandas_metadata or {}).get("columns", ())
    kept = set(table.schema.names)
    return [
        column["field_name"]
        if (column["numpy_type"], column["pandas_type"]) == ("object", "unicode")
        else ""
        for column in described
        if column["field_name"] in kept
    ]


def _own_of(table: Any) -> dict[str, Any]:
    own = json.loads((table.schema.metadata or {}).get(_OWN, b"{}"))
    return {"name": own.get("name"), "freqs": own.get("freqs", ())}


def _freq_of(pandas: ModuleType, axis: Any) -> str | None:
    """How often the times of an axis follow each other, which pyarrow does not keep."""
    is_time = isinstance(axis, pandas.DatetimeIndex | pandas.TimedeltaIndex)
    freq: str | None = axis.freqstr if is_time else None
    return freq


def _is_expressible(pandas: ModuleType, value: Any, frame: Any) -> bool:
    """Whether pyarrow, told to write this, would not merely warn of what it leaves out."""
    infer = pandas.api.types.infer_dtype
    index, columns = frame.axes
    if columns.nlevels == 1 and infer(columns, skipna=False).startswith("mixed"):
        return False
    if not all(isinstance(name, str | None) for name in (*index.names, *columns.names)):
        return False
    attributes = getattr(value, "attrs", {})
    if attributes and json.loads(json.dumps(attributes)) != attributes:
        return False
    levels = [index.get_level_values(number) for number in range(index.nlevels)]
    parts = [level for level in levels if level.dtype == "object"]
    are_objects = enumerate(frame.dtypes == "object")
    parts += [frame.iloc[:, number] for number, is_object in are_objects if is_object]
    return all(_is_uniform(infer, part) for part in parts)


def _is_uniform(infer: Any, column: Any) -> bool:
    # Several signs for "missing" would all become the same.
    return infer(column, skipna=True) in _UNIFORM and all(
        missing is None for missing in column[column.isna()]
    )


def _outline(frame: Any, *, is_range: bool) -> list[object]:
    index, columns = frame.axes
    of_columns = [columns.tolist(), *_types_of(columns)] if len(columns) else []
    return [list(frame.dtypes), of_columns, [] if is_range else _types_of(index), frame.attrs]


def _types_of(index: Any) -> list[object]:
    dtypes = list(index.dtypes) if index.nlevels > 1 else [index.dtype]
    return [dtypes, list(index.names), getattr(index, "freq", None)]
