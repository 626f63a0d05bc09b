"""The encoding ``tagged``: JSON text in which tags say what JSON cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from snakepit_bridge.values.beside import NOTHING, Beside, giving_up
from snakepit_bridge.values.binary.blob_values import BlobValues
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.boundary import (
    read_each,
    unreadable_answer,
    unwritable_result,
    write_each,
)
from snakepit_bridge.values.encoding import Encoded
from snakepit_bridge.values.fallback import Fallback, NoFallback
from snakepit_bridge.values.leaves import Leaves
from snakepit_bridge.values.refusals import CannotReadError, CannotWriteError
from snakepit_bridge.values.tagged.reader import TaggedReader
from snakepit_bridge.values.tagged.writer import TaggedWriter
from snakepit_bridge.values.value_types import VALUE_TYPES, ValueTypes


class Tagged:
    """Values as UTF-8 JSON text with the tags of SnakeBridge, and some more.

    What goes in comes out, equal and of the same type: JSON's own kinds, tuples, sets, bytes,
    dates and times, decimals, UUIDs, complex numbers, slices, floats such as NaN, dicts with any
    keys, arrays and tables, members of registered types. Everything else becomes a ref, or a
    marker where nothing is kept. ``bytearray`` and a ``memoryview`` of bytes come out
    as ``bytes``.

    Args:
        fallback: Makes the markers.
        types: Whose values come back as themselves.
    """

    name = "tagged"

    def __init__(self, fallback: Fallback, types: ValueTypes = VALUE_TYPES) -> None:
        self._write = TaggedWriter(Leaves(types, fallback)).write
        self._write_argument = TaggedWriter(Leaves(types, NoFallback(encoding="tagged"))).write
        self._read = TaggedReader(types).read

    def decode_args(self, args: Mapping[str, bytes], blobs: Sequence[Blob] = ()) -> dict[str, Any]:
        """Read arguments; unknown tags are dicts as any other."""
        values = BlobValues(blobs)
        return read_each(args, lambda data: self._read(data, values), self.name)

    def encode_args(self, args: Mapping[str, object], beside: Beside = NOTHING) -> dict[str, bytes]:
        """Write arguments, by the same rules as results, but for the marker: that is refused."""
        with giving_up(beside):
            return write_each(args, lambda value: self._write_argument(value, beside), self.name)

    def encode(self, value: object, beside: Beside = NOTHING) -> Encoded:
        """Write a result."""
        with giving_up(beside):
            try:
                return Encoded(self._write(value, beside))
            except CannotWriteError as error:
                raise unwritable_result(error, self.name) from error

    def decode(self, encoded: Encoded) -> Any:
        """Read a result; what is in it must not be changed where it came as a blob."""
        try:
            return self._read(encoded.value, BlobValues(encoded.blobs))
        except CannotReadError as error:
            raise unreadable_answer(error, self.name) from error
