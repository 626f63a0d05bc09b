"""Bounds what reading an Arrow IPC stream takes, before any of it is read."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from snakepit_bridge.values.refusals import CannotReadError

if TYPE_CHECKING:
    from types import ModuleType

MOST_TIMES_LARGER = 64
"""How much larger than its bytes a compressed table may be; common ones stay below 20."""

ALWAYS_UNPACKED = 64 * 2**20
"""Bytes that a compressed table may have in any case."""

MOST_ELEMENTS_PER_BYTE = 16
"""A boolean takes a bit, and the struct around it none; everything else has fewer."""

ALWAYS_ELEMENTS = 10_000_000
"""Elements that a table may have in any case: those of a column of nothing take no bytes."""

_DICTIONARY, _BATCH = 2, 3
"""Kinds of messages, as numbered in Message.fbs of the Arrow format."""


def check_messages(pyarrow: ModuleType, buffer: Any) -> None:
    """Look at the head of every message.

    Args:
        pyarrow: The library.
        buffer: The stream, a ``pyarrow.Buffer``.

    Raises:
        CannotReadError: The stream says that it is far larger than its bytes, stops before its
            end, or goes on after it.
        Exception: It is no such stream.
    """
    source = pyarrow.BufferReader(buffer)
    elements = unpacked = read = 0
    for message in pyarrow.MessageReader.open_stream(source):
        head, read = message.metadata.to_pybytes(), source.tell()
        batch = _batch(head)
        if batch:
            elements += sum(length for length, _ in _pairs(head, _field(head, batch, 1)))
            if _field(head, batch, 3):
                places = _pairs(head, _field(head, batch, 2))
                unpacked += sum(_unpacked_sizes(message.body, places))
    if unpacked > max(ALWAYS_UNPACKED, MOST_TIMES_LARGER * buffer.size):
        raise CannotReadError(
            f"is a table of {unpacked} bytes, compressed to {buffer.size}",
            "Send it in parts, or not compressed.",
        )
    if elements > max(ALWAYS_ELEMENTS, MOST_ELEMENTS_PER_BYTE * max(buffer.size, unpacked)):
        raise CannotReadError(
            f"is a table of {elements} elements in {buffer.size} bytes", "Send it in parts."
        )
    if 0 < read == source.tell():
        raise CannotReadError(
            "stops between two batches without the mark of its end", "Send the whole stream."
        )
    if source.tell() != buffer.size:
        raise CannotReadError(
            f"ends after {source.tell()} of its {buffer.size} bytes", "Send one stream per table."
        )


def _batch(head: bytes) -> int:
    """Where in the head of a message its record batch is described; 0 where there is none."""
    root = _offset(head, 0)
    kind_at, described_at = _field(head, root, 1), _field(head, root, 2)
    kind = head[kind_at] if kind_at else 0
    if kind not in {_DICTIONARY, _BATCH} or not described_at:
        return 0
    table = _offset(head, described_at)
    if kind == _BATCH:
        return table
    inner = _field(head, table, 1)
    return _offset(head, inner) if inner else 0


# What follows reads FlatBuffers, whose parts point to each other by relative offsets. The library
# has checked all of them before it hands out a message.


def _field(head: bytes, table: int, number: int) -> int:
    """Where the field of a table is; 0 where it is left out."""
    slots = table - _number(head, "<i", table)
    slot = 4 + 2 * number
    if slot >= _number(head, "<H", slots):
        return 0
    relative = _number(head, "<H", slots + slot)
    return table + relative if relative else 0


def _pairs(head: bytes, place: int) -> Iterator[tuple[int, int]]:
    """The members of a vector of two numbers each; of a vector that is left out there are none."""
    start = _offset(head, place) if place else 0
    count = _number(head, "<I", start) if place else 0
    return struct.iter_unpack("<qq", head[start + 4 : start + 4 + 16 * count])


def _offset(head: bytes, place: int) -> int:
    return place + _number(head, "<I", place)


def _number(head: bytes, form: str, place: int) -> int:
    number: int = struct.unpack_from(form, head, place)[0]
    return number


def _unpacked_sizes(body: Any, places: Iterator[tuple[int, int]]) -> Iterator[int]:
    """What each compressed buffer says of itself; those of a negative size are not compressed."""
    for start, length in places:
        if length:
            yield max(length, _number(body.slice(start, 8).to_pybytes(), "<q", 0))
