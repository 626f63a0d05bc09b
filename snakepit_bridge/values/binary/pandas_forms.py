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

_MOST_SHOWN = 60
"""Characters of a name in an error."""

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
    kind = _kind_of(pandas, value)
    if not kind or _obstacle_in(pandas, value, frame := _as_frame(pandas, value, kind)):
        return None
    name = value.name if kind == SERIES else None
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


def obstacle_of_pandas(value: Any) -> tuple[str, str] | None:
    """What hinders an object of pandas from being written.

    Args:
        value: One that has no table.

    Returns:
        What it is or has, and what to do about it; ``None``: nothing is known.
    """
    pandas = sys.modules["pandas"]
    if value is pandas.NaT or value is pandas.NA:
        return f"is {value}, the pandas sign for a missing value", "Send None."
    if isinstance(value, pandas.Timestamp | pandas.Timedelta):
        return "has nanoseconds", "Round it with .floor('us'), or send it as a numpy array."
    kind = _kind_of(pandas, value)
    if not kind:
        return None
    return _obstacle_in(pandas, value, _as_frame(pandas, value, kind)) or (
        f"is a {type(value).__name__} that would not come back the same",
        "Send plain data, e.g. .to_dict('list') or .tolist(), or columns of simpler types.",
    )


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


def _as_frame(pandas: ModuleType, value: Any, kind: str) -> Any:
    if kind == SERIES:
        return value.to_frame("values")
    return pandas.DataFrame(index=value) if kind == INDEX else value


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


def _obstacle_in(pandas: ModuleType, value: Any, frame: Any) -> tuple[str, str] | None:
    """What pyarrow, told to write this, would refuse or merely warn of, and the next step."""
    index, columns = frame.axes
    if not columns.is_unique:
        name = columns[columns.duplicated()][0]
        return f"has several columns named {_shown(name)}", "Give each column a name of its own."
    mixed = pandas.api.types.infer_dtype(columns, skipna=False).startswith("mixed")
    if columns.nlevels == 1 and mixed:
        return (
            "has column names of several types",
            "Name all columns by text: .rename(columns=str).",
        )
    named = getattr(value, "name", None) if _kind_of(pandas, value) == SERIES else None
    axis_names = (*index.names, *columns.names)
    if not (isinstance(named, str | int | None) and all(map(_is_text_or_none, axis_names))):
        return "has a name that is no text", "Rename it, or its axes, by text."
    if not _is_json(getattr(value, "attrs", {})):
        return "has attrs that JSON would change", "Send the attrs as a value of their own."
    return _obstacle_in_objects(pandas, value, frame)


def _obstacle_in_objects(pandas: ModuleType, value: Any, frame: Any) -> tuple[str, str] | None:
    infer, index = pandas.api.types.infer_dtype, frame.index
    levels = (index.get_level_values(number) for number in range(index.nlevels))
    parts = [("its index", level) for level in levels if level.dtype == "object"]
    are_objects = enumerate(frame.dtypes == "object")
    parts += [
        (_place_of(value, frame, number), frame.iloc[:, number])
        for number, is_object in are_objects
        if is_object
    ]
    for where, part in parts:
        if infer(part, skipna=True) not in _UNIFORM:
            return (
                f"has Python objects of mixed or unknown types in {where}",
                "Give it one type, e.g. with .astype(str) or .astype('float64').",
            )
        # Several signs for "missing" would all become the same.
        if not all(missing is None for missing in part[part.isna()]):
            return (
                f"has a sign for missing values other than None in {where}",
                "Give it a type that knows missing values, e.g. with .astype('string').",
            )
    return None


def _place_of(value: Any, frame: Any, number: int) -> str:
    return f"column {_shown(frame.columns[number])}" if value is frame else "its values"


def _is_json(attributes: Any) -> bool:
    try:
        return bool(not attributes or json.loads(json.dumps(attributes)) == attributes)
    except (TypeError, ValueError):
        return False


def _is_text_or_none(name: object) -> bool:
    return isinstance(name, str | None)


def _shown(name: object) -> str:
    return repr(name)[:_MOST_SHOWN]


def _outline(frame: Any, *, is_range: bool) -> list[object]:
    index, columns = frame.axes
    of_columns = [columns.tolist(), *_types_of(columns)] if len(columns) else []
    return [list(frame.dtypes), of_columns, [] if is_range else _types_of(index), frame.attrs]


def _types_of(index: Any) -> list[object]:
    dtypes = list(index.dtypes) if index.nlevels > 1 else [index.dtype]
    return [dtypes, list(index.names), getattr(index, "freq", None)]
