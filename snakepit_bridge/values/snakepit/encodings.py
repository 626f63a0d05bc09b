"""Any encoding of values in the places where Snakepit's ``BridgeService`` has values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.values.beside import NOTHING, Beside
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.boundary import read_each, unreadable_answer
from snakepit_bridge.values.encoding import Encoded, Encoding
from snakepit_bridge.values.json.blobs import binary_form
from snakepit_bridge.values.refusals import CannotReadError
from snakepit_bridge.values.snakepit.arguments import (
    Argument,
    BinaryArgument,
    Typed,
    read_binary,
)
from snakepit_bridge.values.snakepit.binary import no_room_in, whole_result, whole_value
from snakepit_bridge.values.snakepit.chunk import item_of

_NEVER_BINARY = frozenset({dict, list, tuple, str, int, float, bool, type(None)})


class SnakepitEncoding:
    """Values in another encoding: each argument in its ``Any``, under whatever label.

    A result that is nothing but bytes, an array or a table travels beside its description, all
    others in one piece, because there is no place for binary data inside of a value.

    Args:
        encoding: Reads and writes the values.
    """

    def __init__(self, encoding: Encoding) -> None:
        self.name = encoding.name
        self._encoding = encoding

    def decode_args(
        self, args: Mapping[str, Argument], blobs: Sequence[Blob] = ()
    ) -> dict[str, Any]:
        """Read arguments; binary ones are what they are in every encoding.

        Raises:
            InvalidArgumentError: Some cannot be read; every one of them is named.
        """
        encoded: dict[str, bytes] = {}
        binary: dict[str, BinaryArgument] = {}
        for name, given in args.items():
            if isinstance(given, bytes):
                encoded[name] = given
            elif isinstance(given, Typed):
                encoded[name] = given.data
            else:
                binary[name] = given
        if not binary:
            return self._encoding.decode_args(encoded)
        return self._decode_both(encoded, binary, blobs)

    def encode_args(self, args: Mapping[str, object], beside: Beside = NOTHING) -> dict[str, bytes]:
        """Write arguments, each in one piece."""
        return self._encoding.encode_args(args, no_room_in(beside))

    def encode(self, value: object, beside: Beside = NOTHING) -> Encoded:
        """Write a result.

        Returns:
            The value, labelled with the name of the encoding, or binary data with their
            description, which is JSON.
        """
        may_be_binary = beside.wants_binary and type(value) not in _NEVER_BINARY
        blob = binary_form(value) if may_be_binary else None
        # Without any data there would be nothing beside the description.
        if blob is not None and blob.data:
            return whole_result(blob, beside)
        return Encoded(self._encoding.encode(value, no_room_in(beside)).value, label=self.name)

    def decode(self, encoded: Encoded) -> Any:
        """Read a result."""
        if not (encoded.binary or encoded.blobs):
            return self._encoding.decode(encoded)
        try:
            return whole_value(encoded)
        except CannotReadError as error:
            raise unreadable_answer(error, self.name) from error

    def _decode_both(
        self,
        encoded: Mapping[str, bytes],
        binary: Mapping[str, BinaryArgument],
        blobs: Sequence[Blob],
    ) -> dict[str, Any]:
        args: dict[str, Any] = {}
        errors: list[InvalidArgumentError] = []
        try:
            args.update(self._encoding.decode_args(encoded))
        except InvalidArgumentError as error:
            errors.append(error)
        try:
            args.update(read_each(binary, lambda given: read_binary(given, blobs), self.name))
        except InvalidArgumentError as error:
            errors.append(error)
        if errors:
            raise _one_of(errors)
        return args


class SnakepitEncodedChunks(SnakepitEncoding):
    """The same for what a command yields: each chunk holds one item, bytes like all others."""

    def encode(self, value: object, beside: Beside = NOTHING) -> Encoded:
        """Write an item.

        Returns:
            The data of the chunk, with ``is_final`` and ``metadata`` if the item is a chunk object.
        """
        item = item_of(value)
        data = self._encoding.encode(item.data, no_room_in(beside)).value
        return Encoded(data, is_final=item.is_final, metadata=item.metadata)


def _one_of(errors: Sequence[InvalidArgumentError]) -> InvalidArgumentError:
    first, *others = errors
    if not others:
        return first
    reasons = {name: text for error in errors for name, text in error.details["arguments"].items()}
    return InvalidArgumentError(
        " ".join(error.message for error in errors),
        {"arguments": reasons, "hint": " ".join(error.hint for error in errors)},
    )
