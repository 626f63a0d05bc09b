"""Arguments as Snakepit sends them: JSON text, JSON text under a label, or binary data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from snakepit_bridge.values.binary.forms import value_of
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.json.limits import read_limited_json
from snakepit_bridge.values.refusals import CannotReadError, NotThisEncodingError
from snakepit_bridge.values.snakepit.labels import (
    BINARY_SUFFIX,
    handle_or,
    type_name_in,
    value_labelled,
)
from snakepit_bridge.values.snakepit.zero_copy import ZERO_COPY_KEY, ZeroCopyRef


class Typed(NamedTuple):
    """A JSON text whose label may add something."""

    label: str
    """The whole label, e.g. ``"type.googleapis.com/snakepit.float"``."""

    data: bytes


class Binary(NamedTuple):
    """Bytes that are an argument as they are."""

    data: bytes


class Described(NamedTuple):
    """Binary data beside a description of them."""

    place: int
    """Among the blobs of the command."""


class Misdescribed(NamedTuple):
    """Binary data beside a description that cannot be read."""

    error: CannotReadError


BinaryArgument: TypeAlias = Binary | Described | Misdescribed

Argument: TypeAlias = bytes | Typed | BinaryArgument
"""Bare bytes are a JSON text without a label, or with one that adds nothing."""

_FIELD_ONE = b"\n"
"""How a packed ``StringValue`` begins: the tag of field 1, a length follows."""

_LONGEST_HEAD = 6
"""Bytes of that tag and of a length of 32 bits."""


def read_argument(given: Argument, blobs: Sequence[Blob] = ()) -> Any:
    """Read one argument.

    Raises:
        NotThisEncodingError: It is not JSON.
        CannotReadError: It is, but it holds what no value can, or is not what its label or its
            description says.
    """
    # Nearly every argument comes the first way, so no call is made there that can be spared.
    if type(given) is bytes:
        try:
            value = read_limited_json(given, special_floats=True)
        except NotThisEncodingError as error:
            raise _explained(given, error) from error
        return ZeroCopyRef(value) if type(value) is dict and value.get(ZERO_COPY_KEY) else value
    if isinstance(given, Typed):
        return _read_typed(given)
    if isinstance(given, bytes):
        return handle_or(read_text(given))
    return read_binary(given, blobs)


def read_binary(given: BinaryArgument, blobs: Sequence[Blob]) -> Any:
    """Read one argument that is binary data: bytes, or what they are described as.

    Raises:
        CannotReadError: They are not what their description says.
    """
    if isinstance(given, Binary):
        return given.data
    if isinstance(given, Described):
        return value_of(blobs[given.place])
    raise given.error


def read_text(data: bytes) -> Any:
    """Read a JSON text, in which bare ``NaN`` and ``Infinity`` count as floats.

    Raises:
        NotThisEncodingError: It is none; says what it may be instead.
        CannotReadError: It is one, but it holds what no value can.
    """
    try:
        return read_limited_json(data, special_floats=True)
    except NotThisEncodingError as error:
        raise _explained(data, error) from error


def is_packed_text(data: bytes) -> bool:
    """Whether these bytes are a packed ``google.protobuf.StringValue`` that holds something."""
    if not data.startswith(_FIELD_ONE):
        return False
    length = 0
    for index, byte in enumerate(data[1:_LONGEST_HEAD], start=1):
        length |= (byte & 0x7F) << 7 * (index - 1)
        if byte <= 0x7F:  # noqa: PLR2004  (the last byte of a varint)
            return index + 1 + length == len(data)
    return False


def _read_typed(given: Typed) -> Any:
    if given.label.endswith(BINARY_SUFFIX):
        raise CannotReadError(
            f"is labelled {given.label!r}: data in a form of their own, which nobody here reads",
            "Send the bytes as a binary parameter, or the numbers as JSON. Pickled data are"
            " never read.",
        )
    return handle_or(value_labelled(type_name_in(given.label), read_text(given.data)))


def _explained(data: bytes, error: NotThisEncodingError) -> NotThisEncodingError:
    if not data:
        return NotThisEncodingError("nothing was sent", "JSON for nothing is null.")
    if is_packed_text(data):
        return NotThisEncodingError(
            "a packed google.protobuf.StringValue",
            "The value of the Any is JSON text, not a packed message: put the text there, with"
            " its quotes.",
        )
    return NotThisEncodingError(error.reason, 'Send JSON, e.g. "text" with quotes.')
