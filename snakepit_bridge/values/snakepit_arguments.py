"""Arguments as Snakepit sends them: JSON text, JSON text under a label, or bytes."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

from snakepit_bridge.values.json_reader import read_json
from snakepit_bridge.values.refusals import CannotReadError, NotThisEncodingError
from snakepit_bridge.values.snakepit_labels import (
    BINARY_SUFFIX,
    handle_or,
    type_name_in,
    value_labelled,
)
from snakepit_bridge.values.zero_copy import ZERO_COPY_KEY, ZeroCopyRef


class Typed(NamedTuple):
    """A JSON text whose label may add something."""

    label: str
    """The whole label, e.g. ``"type.googleapis.com/snakepit.float"``."""

    data: bytes


class Binary(NamedTuple):
    """Bytes that are an argument as they are."""

    data: bytes


Argument: TypeAlias = bytes | Typed | Binary
"""Bare bytes are a JSON text without a label, or with one that adds nothing."""

_FIELD_ONE = b"\n"
"""How a packed ``StringValue`` begins: the tag of field 1, a length follows."""

_LONGEST_HEAD = 6
"""Bytes of that tag and of a length of 32 bits."""


def read_argument(given: Argument) -> Any:
    """Read one argument.

    Raises:
        NotThisEncodingError: It is not JSON.
        CannotReadError: It is, but it holds what no value can, or is not what its label says.
    """
    # Nearly every argument comes the first way, so no call is made there that can be spared.
    if type(given) is bytes:
        try:
            value = read_json(given, special_floats=True)
        except NotThisEncodingError as error:
            raise _explained(given, error) from error
        return ZeroCopyRef(value) if type(value) is dict and value.get(ZERO_COPY_KEY) else value
    if isinstance(given, Typed):
        return _read_typed(given)
    return given.data if isinstance(given, Binary) else handle_or(read_text(given))


def read_text(data: bytes) -> Any:
    """Read a JSON text, in which bare ``NaN`` and ``Infinity`` count as floats.

    Raises:
        NotThisEncodingError: It is none; says what it may be instead.
        CannotReadError: It is one, but it holds what no value can.
    """
    try:
        return read_json(data, special_floats=True)
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
