"""The encoding that Snakepit's ``BridgeService`` speaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from snakepit_bridge.values.beside import NOTHING, Beside, giving_up
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.boundary import (
    read_each,
    unreadable_answer,
    unwritable_result,
    write_each,
)
from snakepit_bridge.values.encoding import Encoded
from snakepit_bridge.values.fallback import Fallback, NoFallback
from snakepit_bridge.values.json.blobs import BYTES_LIKE, binary_form
from snakepit_bridge.values.json.writer import JsonWriter
from snakepit_bridge.values.refusals import CannotReadError, CannotWriteError
from snakepit_bridge.values.snakepit.arguments import (
    Argument,
    Binary,
    Typed,
    read_argument,
    read_text,
)
from snakepit_bridge.values.snakepit.binary import no_room_in, whole_result, whole_value
from snakepit_bridge.values.snakepit.upstream_shapes import upstream_shape

__all__ = ["Argument", "Binary", "SnakepitJson", "Typed"]

_EMPTY_TEXT = Encoded(b'""', label="string")

_LABELS: Mapping[type, str] = {
    dict: "map",
    list: "list",
    str: "string",
    int: "float",  # whole numbers have no label of their own
    float: "float",
    bool: "boolean",
}

_LABELS_BY_BEGINNING: Mapping[int, str] = dict.fromkeys(b"tf", "boolean") | {
    ord("{"): "map",
    ord("["): "list",
    ord('"'): "string",
    ord("n"): "string",  # nor has null
}
"""By the first byte of a JSON text; any other begins a number."""


class SnakepitJson:
    """Values as JSON text beside a label; bytes as they are.

    ``None``, booleans, integers of any size, finite floats, text, lists and dicts with text keys
    arrive as they were sent, whatever their label says in Elixir's case. What JSON lacks becomes
    the nearest thing that another language understands, and what has no such form a marker. Where
    the caller asks for it, the marker has a ref, and a result that is an array or a table travels
    as bytes beside its description; there is no place for such data inside of a result.

    Args:
        fallback: Decides what stands for objects JSON does not know.
        upstream: Whether results have the shapes of Snakepit's own Python side at their top level,
            e.g. 42.0 for 42. Arguments are read the same either way.
    """

    name = "json"

    def __init__(self, fallback: Fallback, *, upstream: bool = False) -> None:
        self._write = JsonWriter(fallback).write
        self._write_argument = JsonWriter(NoFallback()).write
        self._upstream = upstream

    def decode_args(
        self, args: Mapping[str, Argument], blobs: Sequence[Blob] = ()
    ) -> dict[str, Any]:
        """Read arguments.

        A dict that describes a handle becomes a ``ZeroCopyRef``, at the top level alone. A label
        counts where there is one; data in a binary form of their own are refused, pickled ones
        with them. A blob is an argument of its own, and nothing in JSON refers to it.

        Raises:
            InvalidArgumentError: Some cannot be read; every one of them is named.
        """
        read = partial(read_argument, blobs=blobs) if blobs else read_argument
        return read_each(args, read, self.name)

    def encode_args(self, args: Mapping[str, object], beside: Beside = NOTHING) -> dict[str, bytes]:
        """Write arguments, by the same rules as results, but for the marker: that is refused."""
        with giving_up(beside):
            write = partial(self._write_argument, beside=no_room_in(beside))
            return write_each(args, write, self.name)

    def encode(self, value: object, beside: Beside = NOTHING) -> Encoded:
        """Write a result.

        Returns:
            JSON text with its label, e.g. ``"map"``. Of bytes the text is ``{}``, an empty
            description, which is what makes Elixir return the bytes alone.

        Raises:
            HandlerFailedError: It cannot travel.
            SessionError: An object in it should be kept, and cannot be.
        """
        label = _LABELS.get(type(value))
        if label is None or self._upstream:
            return self._encode_unusual(value, beside)
        try:
            return Encoded(self._write(value, no_room_in(beside)), label=label)
        except CannotWriteError as error:
            raise unwritable_result(error, self.name) from error

    def decode(self, encoded: Encoded) -> Any:
        """Read a result as Elixir would; texts such as ``"NaN"`` stay texts, as they do there."""
        try:
            if encoded.binary or encoded.blobs:
                return whole_value(encoded)
            return read_text(encoded.value)
        except CannotReadError as error:
            raise unreadable_answer(error, self.name) from error

    def _encode_unusual(self, value: object, beside: Beside) -> Encoded:
        if not self._upstream:
            blob = binary_form(value) if beside.wants_binary else None
            if blob is not None and blob.data:
                return whole_result(blob, beside)
            if isinstance(value, BYTES_LIKE):
                data = bytes(value)
                # No bytes at all look like no binary result; in Elixir empty text is the same.
                return Encoded(b"{}", label="map", binary=data) if data else _EMPTY_TEXT
        try:
            shape = upstream_shape(value) if self._upstream else value
            text = self._write(shape, no_room_in(beside))
        except CannotWriteError as error:
            raise unwritable_result(error, self.name) from error
        return Encoded(text, label=_label_of(text, value))


def _label_of(text: bytes, value: object) -> str:
    if isinstance(value, float):
        return "float"  # also where a text stands for it
    return _LABELS_BY_BEGINNING.get(text[0], "float")
