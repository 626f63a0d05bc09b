"""Translates between Arrow tables and what polars has."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any

from snakepit_bridge.values.binary.arrow_streams import stream_of, types_in
from snakepit_bridge.values.refusals import CannotReadError

if TYPE_CHECKING:
    from types import ModuleType

FRAME, SERIES = "polars", "polars.series"

_TEXTS = frozenset({"string", "large_string", "string_view"})

_NOT_IN_ARROW = frozenset({"Object", "Int128", "UInt128", "Unknown"})


def stream_of_polars(pyarrow: ModuleType | None, value: Any) -> tuple[str, memoryview] | None:
    """The stream that holds all of a frame or series; this copies it once.

    Its texts have offsets, which every Arrow library reads.

    Args:
        pyarrow: The library, which writes faster; without it polars does.
        value: An object of a class of polars.

    Returns:
        What it was, and its stream; ``None`` for other objects, and for columns of types that
        Arrow does not have, such as Python objects and integers of 128 bits.
    """
    polars = sys.modules["polars"]
    kind, frame = FRAME, value
    if type(value) is polars.Series:
        kind, frame = SERIES, value.to_frame()
    elif type(value) is not polars.DataFrame:
        return None
    if not all(map(_is_expressible, frame.dtypes)) or (frame.height and not frame.width):
        return None
    level = polars.CompatLevel.oldest()
    if pyarrow is not None:
        return kind, stream_of(pyarrow, frame.to_arrow(compat_level=level))
    sink = io.BytesIO()
    frame.write_ipc_stream(sink, compat_level=level)
    return kind, sink.getbuffer()


def polars_of_table(table: Any, kind: str) -> Any:
    """The object of polars that a table of pyarrow holds, most of its columns without a copy.

    Polars' own reader is not asked: damaged streams make it end the process.

    Returns:
        The object; ``None`` where polars is not installed.

    Raises:
        CannotReadError: The table has columns that polars may need any amount of memory for.
        Exception: Polars has no such columns, or the table says of itself what is not so.
    """
    polars = _polars_if_installed()
    if polars is None:
        return None
    if any(map(_may_grow, types_in(table.schema))):
        raise CannotReadError(
            "has columns whose elements may share their bytes, as those of a polars frame do not",
            "Send it with an empty dtype: then it arrives as a pyarrow.Table.",
        )
    try:
        frame = polars.from_arrow(table)
    except polars.exceptions.PanicException as error:
        # Not an Exception, though all that has happened is this.
        raise ValueError(str(error)) from error
    # It invents names for columns without one.
    frame.columns = table.column_names
    if kind == FRAME:
        return frame
    if frame.width != 1:
        raise ValueError(f"a series has one column, and not {frame.width}")
    return frame.to_series(0)


def _polars_if_installed() -> ModuleType | None:
    try:
        import polars  # noqa: PLC0415  (an optional library)
    except ImportError:
        return None
    return polars


def _may_grow(kind: Any) -> bool:
    """Of other categories than texts, each element becomes a copy of its category."""
    return str(kind).startswith("dictionary<") and str(kind.value_type) not in _TEXTS


def _is_expressible(dtype: Any) -> bool:
    inner = getattr(dtype, "inner", None)
    fields = [field.dtype for field in getattr(dtype, "fields", ())]
    below = fields if inner is None else [inner, *fields]
    return dtype.base_type().__name__ not in _NOT_IN_ARROW and all(map(_is_expressible, below))
