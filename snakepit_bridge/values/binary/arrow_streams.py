"""Translates between tables and Arrow IPC streams with pyarrow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from snakepit_bridge.values.binary.arrow_messages import check_messages

if TYPE_CHECKING:
    from types import ModuleType

    from snakepit_bridge.values.blob import Data


def pyarrow_if_installed() -> ModuleType | None:
    """The library, imported now if it was not yet; ``None`` where there is none."""
    try:
        import pyarrow  # noqa: PLC0415  (an optional library)
    except ImportError:
        return None
    library: ModuleType = pyarrow
    return library


def stream_of(pyarrow: ModuleType, table: Any) -> memoryview:
    """The stream of a table, not compressed; this copies the table once.

    Raises:
        Exception: The format cannot express it.
    """
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return memoryview(sink.getvalue()).cast("B")


def table_of(pyarrow: ModuleType, data: Data) -> Any:
    """The table of a stream.

    A stream of somebody else may point anywhere in memory. So everything in it is checked: that
    passes over all offsets and texts once, and over numbers not at all.

    Returns:
        A table on top of ``data``, which it keeps in memory; they are copied only where they are
        compressed, or do not lie at a multiple of 8 bytes.

    Raises:
        CannotReadError: It would take far more memory than its bytes.
        Exception: It is no such stream, or a damaged one.
    """
    buffer = pyarrow.py_buffer(data)
    if buffer.address % 8:
        buffer = pyarrow.py_buffer(bytes(data))
    check_messages(pyarrow, buffer)
    with pyarrow.ipc.open_stream(buffer) as reader:
        table = reader.read_all()
    table.validate(full=True)
    _read_names(table.schema)
    return table


def types_in(fields: Iterable[Any]) -> Iterable[Any]:
    """Every type of a schema, those inside of others included."""
    for field in fields:
        yield from _types_below(field.type)


def _types_below(kind: Any) -> Iterable[Any]:
    yield kind
    inner = getattr(kind, "storage_type", None) or getattr(kind, "value_type", None)
    if inner is not None:
        yield from _types_below(inner)
    for number in range(kind.num_fields):
        yield from _types_below(kind.field(number).type)


def _read_names(schema: Any) -> None:
    """Fails where a name is no text, which would else come out when somebody looks at it."""
    for kind in types_in(schema):
        for number in range(kind.num_fields):
            _ = kind.field(number).name
        _ = getattr(kind, "tz", None)
