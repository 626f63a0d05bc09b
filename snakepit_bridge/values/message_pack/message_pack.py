"""The encoding ``msgpack``: MessagePack that loses nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from snakepit_bridge.values.beside import NOTHING, Beside
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
from snakepit_bridge.values.message_pack.reader import MessagePackReader
from snakepit_bridge.values.message_pack.writer import MessagePackWriter
from snakepit_bridge.values.refusals import CannotReadError, CannotWriteError
from snakepit_bridge.values.value_types import VALUE_TYPES, ValueTypes


class MessagePack:
    """Values as MessagePack; what it lacks is in the extensions of ``message_pack_codes``.

    All values of Python's own types arrive as they were sent, of the same type; only bytearrays
    and memoryviews of bytes arrive as bytes. So do arrays, tables and values of registered types.
    Other objects become refs, or markers where nothing is kept. A timestamp of MessagePack's own
    is read as a datetime in UTC, an array as a key as a tuple.

    Args:
        fallback: Makes the markers.
        types: Whose values travel as themselves.
    """

    name = "msgpack"

    def __init__(self, fallback: Fallback, types: ValueTypes = VALUE_TYPES) -> None:
        self._reader = MessagePackReader(types)
        self._writer = MessagePackWriter(Leaves(types, fallback))
        self._argument_writer = MessagePackWriter(Leaves(types, NoFallback(encoding="msgpack")))

    def decode_args(self, args: Mapping[str, bytes], blobs: Sequence[Blob] = ()) -> dict[str, Any]:
        """Read arguments; what refers to the same blob is the same object."""
        values = BlobValues(blobs)
        return read_each(args, lambda data: self._reader.read(data, values), self.name)

    def encode_args(self, args: Mapping[str, object], beside: Beside = NOTHING) -> dict[str, bytes]:
        """Write arguments, by the same rules as results, but for the marker: that is refused."""
        return write_each(args, lambda value: self._argument_writer.write(value, beside), self.name)

    def encode(self, value: object, beside: Beside = NOTHING) -> Encoded:
        """Write a result in one piece."""
        try:
            return Encoded(self._writer.write(value, beside))
        except CannotWriteError as error:
            raise unwritable_result(error, self.name) from error

    def decode(self, encoded: Encoded) -> Any:
        """Read a result."""
        try:
            return self._reader.read(encoded.value, BlobValues(encoded.blobs))
        except CannotReadError as error:
            raise unreadable_answer(error, self.name) from error
